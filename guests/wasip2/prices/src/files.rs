//! Files and folders.

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Advice, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};

use crate::{again, unknown};

pub(crate) fn call(function: &str, times: u64, size: usize) {
    // Without a folder there is nothing to measure.
    let _ = on_files(function, times, size);
}

fn on_files(function: &str, times: u64, size: usize) -> Result<(), ErrorCode> {
    let Some((folder, _)) = get_directories().into_iter().next() else {
        return Err(ErrorCode::NoEntry);
    };
    let none = OpenFlags::empty();
    let open = |path: &str, how, flags| folder.open_at(PathFlags::empty(), path, how, flags);
    let file = || {
        let both = DescriptorFlags::READ | DescriptorFlags::WRITE;
        open("file", OpenFlags::CREATE, both)
    };
    let deep = "sub/".repeat(size) + "x";
    let piece = vec![b'x'; size];
    match function {
        "files.open" => again(times, || open("file", none, DescriptorFlags::READ)),
        "files.open-folder" => again(times, || open(".", none, DescriptorFlags::READ)),
        "files.stat-at" => again(times, || folder.stat_at(PathFlags::empty(), &deep)),
        "files.stat" => {
            let file = file()?;
            again(times, || file.stat());
        }
        "files.flags" => again(times, || folder.get_flags()),
        "files.read" => {
            let file = file()?;
            again(times, || file.read(size as u64, 0));
        }
        "files.write" => {
            let file = file()?;
            again(times, || file.write(&piece, 0));
        }
        "files.stream-read" => {
            let file = file()?;
            let stream = file.read_via_stream(0)?;
            again(times, || stream.read(size as u64));
        }
        "files.stream-write" => {
            let file = file()?;
            let stream = file.write_via_stream(0)?;
            again(times, || stream.write(&piece));
        }
        "files.stream" => {
            let file = file()?;
            again(times, || file.read_via_stream(0));
        }
        "files.set-size" => {
            let file = file()?;
            again(times, || file.set_size(size as u64));
        }
        "files.sync" => {
            let file = file()?;
            again(times, || {
                let _ = file.write(b"x", 0);
                file.sync()
            });
        }
        "files.list" => again(times, || folder.read_directory()),
        "files.list-entries" => again(times, || {
            if let Ok(entries) = folder.read_directory() {
                while let Ok(Some(_)) = entries.read_directory_entry() {}
            }
        }),
        "files.make-and-remove" => again(times, || {
            let _ = folder.create_directory_at("new");
            folder.remove_directory_at("new")
        }),
        "files.create-and-unlink" => again(times, || {
            drop(open("made", OpenFlags::CREATE, DescriptorFlags::WRITE));
            folder.unlink_file_at("made")
        }),
        "files.rename" => {
            drop(open("one", OpenFlags::CREATE, DescriptorFlags::WRITE));
            again(times, || {
                let _ = folder.rename_at("one", &folder, "two");
                folder.rename_at("two", &folder, "one")
            });
        }
        "files.readlink" => again(times, || folder.readlink_at("file")),
        "files.hash" => again(times, || {
            folder.metadata_hash_at(PathFlags::empty(), "file")
        }),
        "files.hash-open" => {
            let file = file()?;
            again(times, || file.metadata_hash());
        }
        "files.same" => {
            let (one, two) = (file()?, file()?);
            again(times, || one.is_same_object(&two));
        }
        "files.type" => {
            let file = file()?;
            again(times, || file.get_type());
        }
        "files.advise" => {
            let file = file()?;
            again(times, || file.advise(0, size as u64, Advice::WillNeed));
        }
        "files.stream-append" => {
            let file = file()?;
            again(times, || file.append_via_stream());
        }
        "files.sync-data" => {
            let file = file()?;
            again(times, || {
                let _ = file.write(b"x", 0);
                file.sync_data()
            });
        }
        "files.set-times" => {
            let file = file()?;
            again(times, || {
                file.set_times(NewTimestamp::Now, NewTimestamp::NoChange)
            });
        }
        "files.set-times-at" => again(times, || {
            let (now, same) = (NewTimestamp::Now, NewTimestamp::NoChange);
            folder.set_times_at(PathFlags::empty(), "file", now, same)
        }),
        "files.link" => again(times, || {
            let _ = folder.link_at(PathFlags::empty(), "file", &folder, "linked");
            folder.unlink_file_at("linked")
        }),
        "files.symlink" => again(times, || {
            let _ = folder.symlink_at("file", "soft");
            folder.unlink_file_at("soft")
        }),
        "files.preopens" => again(times, get_directories),
        _ => unknown(function),
    }
    Ok(())
}
