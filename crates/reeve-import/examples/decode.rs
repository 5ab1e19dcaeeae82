//! Decodes a VMDK to a raw file and prints its digest: what `cargo xtask bench import` measures.

use std::fs::File;
use std::io::{BufReader, Write};
use std::process::ExitCode;
use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Parser;
use reeve_import::{
    DecodeOptions, DigestKind, DiskImage, FileSource, Folder, NoProgress, RawFile, StreamDisk, VmdkImage, decode_image,
    decode_stream,
};

#[derive(Parser)]
struct Arguments {
    /// The disk: a VMDK or its descriptor.
    disk: Utf8PathBuf,
    /// The raw file to create.
    output: Utf8PathBuf,
    /// Threads; otherwise one for each core.
    #[arg(long)]
    threads: Option<usize>,
    /// Compute the digest that sha256sum computes, instead of the one over chunks.
    #[arg(long)]
    sha256: bool,
    /// Read the disk front to back, as from a download.
    #[arg(long)]
    stream: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(text) => {
            // A closed pipe is the reader's choice.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let mut options = DecodeOptions::default();
    if let Some(threads) = arguments.threads {
        options.threads = threads;
    }
    if arguments.sha256 {
        options.digest = DigestKind::Sha256;
    }
    let decoded = if arguments.stream {
        let input = BufReader::with_capacity(1 << 20, File::open(&arguments.disk)?);
        let disk = StreamDisk::open(input, arguments.disk.as_str())?;
        let sink = RawFile::create(&arguments.output, disk.virtual_size())?;
        decode_stream(disk, &sink, options, &NoProgress)?.0
    } else {
        let source = Arc::new(FileSource::open(&arguments.disk)?);
        let image = VmdkImage::open(source, &Folder::of(&arguments.disk))?;
        let sink = RawFile::create(&arguments.output, image.virtual_size())?;
        decode_image(&image, &sink, options, &NoProgress)?
    };
    Ok(format!("{} {} {}", decoded.digest, decoded.size, decoded.written))
}
