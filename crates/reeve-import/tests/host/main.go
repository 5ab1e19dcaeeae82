// A host for the tests of `reeve import`: govmomi's simulator of ESXi or vCenter, behind a door that behaves as a real host's does where the simulator
// does not: files of datastores need a login, sessions end, connections break, and a busy host says so.
//
// It prints one line of JSON about itself, then obeys one word on each line of its standard input, and ends with it:
//
//	expire    forget all sessions
//	cut N     break the next N answers about files in the middle
//	busy N    answer the next N requests for files with 503
//	nohead N  answer the next N requests for the head of a file with 405
//	whole N   answer the next N requests for ranges with the whole file
//	start     start all machines, as somebody might beside a copy
//
// Exports are in leases.go, with the orders for them.
package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const cookieName = "vmware_soap_session"

// What the host prints about itself.
type about struct {
	Authority   string            `json:"authority"`
	User        string            `json:"user"`
	Password    string            `json:"password"`
	Fingerprint string            `json:"fingerprint"`
	Authorities string            `json:"authorities"`
	Datastores  map[string]string `json:"datastores"`
}

// The door before the simulator.
type door struct {
	inner *httputil.ReverseProxy
	model *simulator.Model

	sync.Mutex
	sessions                 map[string]bool
	cut, busy, nohead, whole int
	exports                  exports
}

func main() {
	esx := flag.Bool("esx", false, "be an ESXi host and not a vCenter")
	machines := flag.Int("machines", 2, "machines of a host")
	running := flag.Bool("running", false, "start the machines")
	folder := flag.Bool("folder", false, "put the datacenters into a folder")
	authorities := flag.String("authorities", "", "write the authority of the certificate to this file")
	flag.Parse()
	log.SetOutput(os.Stderr)

	model := simulator.VPX()
	if *esx {
		model = simulator.ESX()
	}
	model.Machine = *machines
	model.Autostart = *running
	if *folder {
		model.Folder = 1
	}
	defer model.Remove()
	must(model.Create())
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword("root", "s<e>c&r\"et")}
	server := model.Service.NewServer()
	defer server.Close()

	certificate, authority := certificates()
	must(os.WriteFile(*authorities, authority, 0o600))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	must(err)
	d := &door{
		inner:    httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: server.URL.Host}),
		model:    model,
		sessions: map[string]bool{},
	}
	d.inner.ModifyResponse = d.remember
	d.exports.begin(d, server.URL, *esx)
	go func() { must(http.Serve(listener, d)) }()

	datastores := map[string]string{}
	for _, entity := range model.Map().All("Datastore") {
		ds := entity.(*simulator.Datastore)
		datastores[ds.Name] = ds.Summary.Url
	}
	digest := sha256.Sum256(certificate.Certificate[0])
	must(json.NewEncoder(os.Stdout).Encode(about{
		Authority:   listener.Addr().String(),
		User:        "root",
		Password:    "s<e>c&r\"et",
		Fingerprint: hex.EncodeToString(digest[:]),
		Authorities: *authorities,
		Datastores:  datastores,
	}))
	for words := bufio.NewScanner(os.Stdin); words.Scan(); {
		fmt.Println(d.obey(words.Text()))
	}
}

// Obeys an order and returns what there is to say.
func (d *door) obey(line string) string {
	if said, ok := d.exports.obey(line); ok {
		return said
	}
	d.Lock()
	defer d.Unlock()
	var word string
	count := 1
	fmt.Sscanf(line, "%s %d", &word, &count)
	switch word {
	case "expire":
		d.sessions = map[string]bool{}
	case "cut":
		d.cut = count
	case "busy":
		d.busy = count
	case "nohead":
		d.nohead = count
	case "whole":
		d.whole = count
	case "start":
		for _, entity := range d.model.Map().All("VirtualMachine") {
			entity.(*simulator.VirtualMachine).Runtime.PowerState = types.VirtualMachinePowerStatePoweredOn
		}
	default:
		log.Fatalf("what is %q?", line)
	}
	return "done"
}

// Remembers the sessions that the simulator gives.
func (d *door) remember(answer *http.Response) error {
	d.Lock()
	defer d.Unlock()
	for _, cookie := range answer.Cookies() {
		if cookie.Name == cookieName {
			d.sessions[cookie.Value] = true
		}
	}
	return nil
}

// Takes one of what is left of a fault.
func take(left *int) bool {
	if *left == 0 {
		return false
	}
	*left--
	return true
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/nfc/") {
		d.exports.serve(w, r)
		return
	}
	d.Lock()
	cookie, err := r.Cookie(cookieName)
	known := err == nil && d.sessions[cookie.Value]
	isFile := strings.HasPrefix(r.URL.Path, "/folder/")
	var busy, cut, nohead bool
	if isFile && known {
		busy = take(&d.busy)
		nohead = !busy && r.Method == http.MethodHead && take(&d.nohead)
		cut = !busy && r.Method == http.MethodGet && take(&d.cut)
		if !busy && !cut && r.Method == http.MethodGet && take(&d.whole) {
			r.Header.Del("Range")
		}
	}
	d.Unlock()
	switch {
	case isFile && !known:
		w.Header().Set("WWW-Authenticate", "Basic realm=\"VMware HTTP server\"")
		w.WriteHeader(http.StatusUnauthorized)
	case busy:
		w.WriteHeader(http.StatusServiceUnavailable)
	case nohead:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case cut:
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusPartialContent)
		w.Write(make([]byte, 1000))
		panic(http.ErrAbortHandler)
	default:
		if !known {
			r.Header.Del("Cookie")
		}
		// Whole, before it is passed on: a server closes the body of a request when it begins to answer, and the proxy, looking then whether there is more
		// of it, would break the simulator's answer off.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		d.inner.ServeHTTP(w, r)
	}
}

// Returns a certificate for 127.0.0.1 and its authority.
func certificates() (tls.Certificate, []byte) {
	template := func(name string, isAuthority bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber:          big.NewInt(time.Now().UnixNano()),
			Subject:               pkix.Name{CommonName: name},
			NotBefore:             time.Now().Add(-time.Hour),
			NotAfter:              time.Now().Add(24 * time.Hour),
			IsCA:                  isAuthority,
			BasicConstraintsValid: true,
			IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		}
	}
	authority := template("authority of a test", true)
	authority.KeyUsage = x509.KeyUsageCertSign
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	authorityBytes, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf, err := x509.CreateCertificate(rand.Reader, template("host of a test", false), authority, &key.PublicKey, authorityKey)
	must(err)
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityBytes})
	return tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}, encoded
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
