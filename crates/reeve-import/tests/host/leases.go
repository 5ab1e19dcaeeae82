package main

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Exports as a host has them: the simulator's leases, which are held against others, expire, fail and go through a throttled connection, and
// ExportVm, which it does not have. Orders:
//
//	disks NAME FILE SIZE ...  give the machine of this name these disks, whose files (streams) stand in its folder
//	snapshot NAME             make a snapshot of all machines, as somebody else might
//	snapshots                 say the names of all snapshots
//	leases                    say how many leases were made, completed, aborted and expired, and how many are held
//	timeout SECONDS           give leases this timeout from now on
//	throttle BYTES            let so many bytes of a stream pass in a second; 0 for all
//	nfccut N                  break the next N streams after 100,000 bytes
//	leaseerror N              let the next N leases end in an error
//	deaf N                    do not hear of the next N leases that they go on
//	busytask N                answer the next N calls that make or remove a snapshot with TaskInProgress
//	stop                      stop all machines
//	tools                     let VMware Tools run in all machines
type exports struct {
	sync.Mutex
	door   *door
	client *govmomi.Client
	// Where streams are had; empty for the host that was asked.
	authority, thumbprint string

	leases                              map[string]*held
	made                                int
	timeout, throttle                   int
	nfccut, leaseerror, deaf, busytasks int
}

// A lease, as the door knows it.
type held struct {
	machine string
	heard   time.Time
	timeout time.Duration
	looks   int
	isDeaf  bool
	ending  string
}

func (h *held) expire() {
	if h.ending == "" && time.Since(h.heard) > h.timeout {
		h.ending = "expired"
	}
}

// The documented wrapper: a machine that has ExportVm, with the lease of ExportSnapshot.
type exportedMachine struct{ *simulator.VirtualMachine }

func (v *exportedMachine) ExportVm(ctx *simulator.Context, _ *types.ExportVm) soap.HasFault {
	if v.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		return &methods.ExportVmBody{Fault_: simulator.Fault("", &types.InvalidPowerState{})}
	}
	s := &simulator.VirtualMachineSnapshot{}
	s.Vm, s.Config = v.Self, *v.Config
	r := s.ExportSnapshot(ctx, &types.ExportSnapshot{}).(*methods.ExportSnapshotBody)
	return &methods.ExportVmBody{Res: &types.ExportVmResponse{Returnval: r.Res.Returnval}}
}

func (e *exports) begin(d *door, server *url.URL, esx bool) {
	e.door, e.leases, e.timeout = d, map[string]*held{}, 300
	d.model.Map().Handler = e.before
	client, err := govmomi.NewClient(context.Background(), server, true)
	must(err)
	e.client = client
	if esx {
		return
	}
	// A vCenter names the host that has the machine, whose certificate is its own.
	certificate, _ := certificates()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	must(err)
	e.authority = listener.Addr().String()
	var bytes []string
	for _, b := range sha1.Sum(certificate.Certificate[0]) {
		bytes = append(bytes, fmt.Sprintf("%02X", b))
	}
	e.thumbprint = strings.Join(bytes, ":")
	go func() {
		must(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != "" {
				// Nobody's session is this host's business.
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			e.serve(w, r)
		})))
	}()
}

// Called before each method of the API.
func (e *exports) before(ctx *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	e.Lock()
	defer e.Unlock()
	if ctx.Session == nil {
		return nil, nil
	}
	// The wrapper is there for one call only: other code of the simulator wants the machine itself.
	for _, object := range ctx.Session.Registry.AllReference("VirtualMachine") {
		ctx.Session.Registry.Remove(ctx, object.Reference())
	}
	switch m.Name {
	case "ExportVm", "ExportSnapshot", "RemoveSnapshot_Task", "CreateSnapshot_Task":
		machine := m.This.Value
		if s, ok := ctx.Map.Get(m.This).(*simulator.VirtualMachineSnapshot); ok {
			machine = s.Vm.Value
		}
		for _, lease := range e.leases {
			lease.expire()
			if lease.machine == machine && lease.ending == "" {
				return nil, &types.TaskInProgress{}
			}
		}
		if strings.HasSuffix(m.Name, "_Task") && take(&e.busytasks) {
			return nil, &types.TaskInProgress{}
		}
		if vm, ok := ctx.Map.Get(m.This).(*simulator.VirtualMachine); ok && m.Name == "ExportVm" {
			ctx.Session.Registry.Put(&exportedMachine{vm})
		}
	case "RetrievePropertiesEx":
		for _, object := range ctx.Session.Registry.AllReference("HttpNfcLease") {
			e.shape(ctx, object.(*simulator.HttpNfcLease))
		}
	case "HttpNfcLeaseProgress", "HttpNfcLeaseComplete", "HttpNfcLeaseAbort":
		lease := e.leases[m.This.Value]
		if lease == nil {
			break
		}
		lease.expire()
		switch {
		case m.Name == "HttpNfcLeaseAbort":
			if lease.ending == "" || lease.ending == "expired" {
				lease.ending = "aborted"
			}
		case lease.ending != "" || ctx.Session.Registry.Get(m.This) == nil:
			return nil, &types.ManagedObjectNotFound{Obj: m.This}
		case m.Name == "HttpNfcLeaseComplete":
			lease.ending = "completed"
		case !lease.isDeaf:
			lease.heard = time.Now()
		}
	}
	return nil, nil
}

// Makes a lease what a host's is.
func (e *exports) shape(ctx *simulator.Context, l *simulator.HttpNfcLease) {
	known := e.leases[l.Self.Value]
	if known == nil {
		e.made++
		known = &held{machine: l.Info.Entity.Value, heard: time.Now(), timeout: time.Duration(e.timeout) * time.Second}
		known.isDeaf = take(&e.deaf)
		e.leases[l.Self.Value] = known
		if take(&e.leaseerror) {
			known.ending = "error"
		}
		machine := ctx.Map.Get(l.Info.Entity).(*simulator.VirtualMachine)
		devices := object.VirtualDeviceList(machine.Config.Hardware.Device)
		for i := range l.Info.DeviceUrl {
			e.device(&l.Info.DeviceUrl[i], machine, devices)
		}
		isDisk := false
		l.Info.DeviceUrl = append(l.Info.DeviceUrl, types.HttpNfcLeaseDeviceUrl{Key: "/7/nvram", Url: "https://*/nfc/none/nvram", Disk: &isDisk})
		l.Info.LeaseTimeout = int32(e.timeout)
	}
	known.looks++
	switch {
	case known.looks == 1:
		l.State = types.HttpNfcLeaseStateInitializing
	case known.ending == "error":
		l.State = types.HttpNfcLeaseStateError
		l.Error = &types.LocalizedMethodFault{Fault: &types.FileLocked{}, LocalizedMessage: "the file is locked"}
	default:
		l.State = types.HttpNfcLeaseStateReady
	}
}

func (e *exports) device(device *types.HttpNfcLeaseDeviceUrl, machine *simulator.VirtualMachine, devices object.VirtualDeviceList) {
	address, err := url.Parse(strings.Replace(device.Url, "//*", "//any", 1))
	must(err)
	address.Scheme, address.Host = "https", e.authority
	device.Url = address.String()
	if e.authority == "" {
		device.Url = "https://*" + address.EscapedPath()
	}
	device.SslThumbprint = e.thumbprint
	for _, disk := range devices.SelectByType((*types.VirtualDisk)(nil)) {
		virtual := disk.GetVirtualDevice()
		backing, ok := virtual.Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if !ok || path.Base(backing.GetVirtualDeviceFileBackingInfo().FileName) != device.TargetId {
			continue
		}
		controller := devices.FindByKey(virtual.ControllerKey)
		number := controller.(types.BaseVirtualController).GetVirtualController().BusNumber
		class := reflect.TypeOf(controller).Elem().Name()
		device.Key = fmt.Sprintf("/%s/%s%d:%d", machine.Self.Value, class, number, *virtual.UnitNumber)
	}
	device.TargetId = "disk.vmdk"
}

// What is written of a stream.
type pipe struct {
	http.ResponseWriter
	of    *exports
	lease *held
	isCut bool
	sent  int
}

func (p *pipe) Write(bytes []byte) (int, error) {
	p.of.Lock()
	p.lease.expire()
	isOver, throttle := p.lease.ending != "", p.of.throttle
	p.of.Unlock()
	if isOver || p.isCut && p.sent > 100000 {
		panic(http.ErrAbortHandler)
	}
	n, err := p.ResponseWriter.Write(bytes)
	p.sent += n
	if throttle > 0 {
		p.ResponseWriter.(http.Flusher).Flush()
		time.Sleep(time.Duration(n) * time.Second / time.Duration(throttle))
	}
	return n, err
}

func (e *exports) serve(w http.ResponseWriter, r *http.Request) {
	e.Lock()
	lease := e.leases[path.Base(path.Dir(r.URL.Path))]
	isHeld := lease != nil
	if isHeld {
		lease.expire()
		isHeld = lease.ending == ""
	}
	isCut := isHeld && take(&e.nfccut)
	e.Unlock()
	if !isHeld {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	e.door.inner.ServeHTTP(&pipe{ResponseWriter: w, of: e, lease: lease, isCut: isCut}, r)
}

func (e *exports) machines() []*simulator.VirtualMachine {
	var machines []*simulator.VirtualMachine
	for _, entity := range e.door.model.Map().All("VirtualMachine") {
		machines = append(machines, entity.(*simulator.VirtualMachine))
	}
	return machines
}

func (e *exports) obey(line string) (string, bool) {
	words := strings.Fields(line)
	number := func() (count int) {
		count = 1
		if len(words) > 1 {
			fmt.Sscanf(words[1], "%d", &count)
		}
		return count
	}
	if words[0] == "snapshot" {
		// Without the lock: it is a call like others.
		for _, machine := range e.machines() {
			task, err := object.NewVirtualMachine(e.client.Client, machine.Self).CreateSnapshot(context.Background(), words[1], "", false, false)
			must(err)
			must(task.Wait(context.Background()))
		}
		return "done", true
	}
	e.Lock()
	defer e.Unlock()
	switch words[0] {
	case "disks":
		e.furnish(words[1], words[2:])
	case "snapshots":
		names := []string{}
		for _, machine := range e.machines() {
			if machine.Snapshot != nil {
				names = append(names, namesOf(machine.Snapshot.RootSnapshotList)...)
			}
		}
		return encoded(names), true
	case "leases":
		count := map[string]int{"made": e.made, "held": 0, "completed": 0, "aborted": 0, "expired": 0, "error": 0}
		for _, lease := range e.leases {
			lease.expire()
			if lease.ending == "" {
				count["held"]++
			} else {
				count[lease.ending]++
			}
		}
		return encoded(count), true
	case "timeout":
		e.timeout = number()
	case "throttle":
		e.throttle = number()
	case "nfccut":
		e.nfccut = number()
	case "leaseerror":
		e.leaseerror = number()
	case "deaf":
		e.deaf = number()
	case "busytask":
		e.busytasks = number()
	case "stop":
		for _, machine := range e.machines() {
			machine.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
		}
	case "tools":
		for _, machine := range e.machines() {
			machine.Guest.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
		}
	default:
		return "", false
	}
	return "done", true
}

func encoded(value any) string {
	bytes, err := json.Marshal(value)
	must(err)
	return string(bytes)
}

func namesOf(trees []types.VirtualMachineSnapshotTree) []string {
	var names []string
	for _, tree := range trees {
		names = append(names, tree.Name)
		names = append(names, namesOf(tree.ChildSnapshotList)...)
	}
	return names
}

// Gives a machine other disks than the simulator's own.
func (e *exports) furnish(name string, disks []string) {
	for _, machine := range e.machines() {
		if machine.Name != name {
			continue
		}
		var first types.VirtualDisk
		var others []types.BaseVirtualDevice
		for _, device := range machine.Config.Hardware.Device {
			if disk, ok := device.(*types.VirtualDisk); ok {
				first = *disk
			} else {
				others = append(others, device)
			}
		}
		for at := 0; at+1 < len(disks); at += 2 {
			disk, backing := first, *first.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			unit := *first.UnitNumber + int32(at/2)
			disk.Key, disk.UnitNumber = first.Key+int32(at/2), &unit
			fmt.Sscanf(disks[at+1], "%d", &disk.CapacityInBytes)
			disk.CapacityInKB = disk.CapacityInBytes / 1024
			backing.FileName = path.Dir(backing.FileName) + "/" + disks[at]
			backing.Uuid = fmt.Sprintf("%s-%d", backing.Uuid, at/2)
			disk.Backing = &backing
			others = append(others, &disk)
		}
		machine.Config.Hardware.Device = others
		return
	}
	log.Fatalf("there is no machine %q", name)
}
