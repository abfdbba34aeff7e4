//! Open files: places, lengths, times, several handles, locks, buffers.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    io::{BufRead as _, BufReader, BufWriter, IoSlice, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{Check, Found, held, join, kind, other};

pub(crate) const CHECKS: &[Check] = &[
    ("seek-and-overwrite", seek_and_overwrite),
    ("seek-before-the-start", seek_before_the_start),
    ("seek-behind-the-end", seek_behind_the_end),
    ("seek-of-append", seek_of_append),
    ("read-past-the-end", read_past_the_end),
    ("set-len", set_len),
    ("lines", lines),
    ("buffered", buffered),
    ("vectored", vectored),
    ("two-handles", two_handles),
    ("two-appenders", two_appenders),
    ("cloned-handle", cloned_handle),
    ("sync", sync),
    ("times", times),
    ("times-of-a-reader", times_of_a_reader),
    ("times-of-a-folder", times_of_a_folder),
    ("times-before-1970", times_before_1970),
    ("modified-on-write", modified_on_write),
    ("lock", lock),
    ("many-open", many_open),
];

fn both(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn rest(file: &mut File) -> Found {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn seek_and_overwrite(own: &Path) -> Found {
    let mut file = both(&own.join("a"))?;
    file.write_all(b"0123456789")?;
    file.seek(SeekFrom::Start(2))?;
    file.write_all(b"ab")?;
    let at = file.seek(SeekFrom::Current(2))?;
    file.write_all(b"c")?;
    let from_end = file.seek(SeekFrom::End(-2))?;
    let tail = rest(&mut file)?;
    let place = file.stream_position()?;
    Ok(format!(
        "{at} {from_end} {tail} {place} {}",
        held(own.join("a"))
    ))
}

fn seek_before_the_start(own: &Path) -> Found {
    let mut file = both(&own.join("a"))?;
    file.write_all(b"abc")?;
    join(&[
        kind(file.seek(SeekFrom::Current(-4))),
        kind(file.seek(SeekFrom::End(-4))),
        kind(file.seek(SeekFrom::Start(u64::MAX))),
        file.stream_position()?.to_string(),
    ])
}

fn seek_behind_the_end(own: &Path) -> Found {
    let mut file = both(&own.join("a"))?;
    file.seek(SeekFrom::Start(5))?;
    let read = file.read(&mut [0; 4])?;
    let before = file.metadata()?.len();
    file.write_all(b"x")?;
    Ok(format!("{read} {before} {:?}", held(own.join("a"))))
}

fn seek_of_append(own: &Path) -> Found {
    fs::write(own.join("a"), "abc")?;
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .open(own.join("a"))?;
    let start = file.stream_position()?;
    file.seek(SeekFrom::Start(1))?;
    file.write_all(b"d")?;
    let after = file.stream_position()?;
    file.seek(SeekFrom::Start(1))?;
    Ok(format!("{start} {after} {}", rest(&mut file)?))
}

fn read_past_the_end(own: &Path) -> Found {
    fs::write(own.join("a"), "abc")?;
    let mut file = File::open(own.join("a"))?;
    let mut bytes = [0; 8];
    let first = file.read(&mut bytes)?;
    let second = file.read(&mut bytes)?;
    let none = file.read(&mut [])?;
    file.rewind()?;
    let exact = kind(file.read_exact(&mut bytes));
    Ok(format!("{first} {second} {none} {exact}"))
}

fn set_len(own: &Path) -> Found {
    let mut file = both(&own.join("a"))?;
    file.write_all(b"abcdef")?;
    file.set_len(2)?;
    let place = file.stream_position()?;
    file.set_len(4)?;
    let text = held(own.join("a"));
    Ok(format!("{place} {text:?} {}", kind(file.set_len(u64::MAX))))
}

fn lines(own: &Path) -> Found {
    fs::write(own.join("a"), "one\r\ntwo\n\nlast")?;
    let file = BufReader::with_capacity(4, File::open(own.join("a"))?);
    let lines: Result<Vec<String>, _> = file.lines().collect();
    Ok(format!("{:?}", lines?))
}

fn buffered(own: &Path) -> Found {
    let mut file = BufWriter::with_capacity(16, File::create(own.join("a"))?);
    for number in 0..100 {
        write!(file, "{number} ")?;
    }
    let before = held(own.join("a")).len();
    file.flush()?;
    Ok(format!("{before} {}", held(own.join("a")).len()))
}

fn vectored(own: &Path) -> Found {
    let mut file = File::create(own.join("a"))?;
    let parts = ["one ", "", "two"].map(|part| IoSlice::new(part.as_bytes()));
    let written = file.write_vectored(&parts)?;
    // A system may take the first part alone.
    Ok(format!(
        "{} {}",
        written > 0,
        held(own.join("a")).starts_with("one ")
    ))
}

fn two_handles(own: &Path) -> Found {
    let path = own.join("a");
    let (mut a, mut b) = (both(&path)?, both(&path)?);
    a.write_all(b"aaaa")?;
    b.write_all(b"bb")?;
    let seen = rest(&mut b)?;
    a.write_all(b"cc")?;
    b.set_len(1)?;
    a.write_all(b"d")?;
    Ok(format!("{seen} {:?}", held(path)))
}

fn two_appenders(own: &Path) -> Found {
    let path = own.join("a");
    let open = || OpenOptions::new().append(true).create(true).open(&path);
    let (mut a, mut b) = (open()?, open()?);
    for _ in 0..3 {
        a.write_all(b"a")?;
        b.write_all(b"b")?;
    }
    Ok(held(path))
}

fn cloned_handle(own: &Path) -> Found {
    let mut file = both(&own.join("a"))?;
    let mut clone = file.try_clone()?;
    file.write_all(b"one")?;
    clone.write_all(b"two")?;
    Ok(held(own.join("a")))
}

fn sync(own: &Path) -> Found {
    let mut file = File::create(own.join("a"))?;
    file.write_all(b"text")?;
    file.sync_data()?;
    file.sync_all()?;
    join(&[
        kind(File::open(own.join("a"))?.sync_all()),
        kind(File::open(own)?.sync_all()),
    ])
}

fn at(seconds: u64, nanos: u32) -> SystemTime {
    UNIX_EPOCH + Duration::new(seconds, nanos)
}

fn since(time: SystemTime) -> Found {
    let time = time
        .duration_since(UNIX_EPOCH)
        .map_err(|why| other(&why.to_string()))?;
    Ok(format!("{}.{:09}", time.as_secs(), time.subsec_nanos()))
}

fn times(own: &Path) -> Found {
    let path = own.join("a");
    let file = File::create(&path)?;
    file.set_times(
        FileTimes::new()
            .set_modified(at(1_000_000_000, 123_456_789))
            .set_accessed(at(1_100_000_000, 1)),
    )?;
    let all = fs::metadata(&path)?;
    let both = [since(all.modified()?)?, since(all.accessed()?)?];
    file.set_modified(at(1_200_000_000, 0))?;
    let all = file.metadata()?;
    join(&[
        both.join(" "),
        since(all.modified()?)?,
        since(all.accessed()?)?,
    ])
}

fn times_of_a_reader(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    let file = File::open(own.join("a"))?;
    file.set_modified(at(1_000_000_000, 0))?;
    since(file.metadata()?.modified()?)
}

fn times_of_a_folder(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    File::open(own.join("a"))?.set_modified(at(1_000_000_000, 0))?;
    since(fs::metadata(own.join("a"))?.modified()?)
}

fn times_before_1970(own: &Path) -> Found {
    let file = File::create(own.join("a"))?;
    let time = UNIX_EPOCH - Duration::from_secs(10);
    file.set_modified(time)?;
    Ok((file.metadata()?.modified()? == time).to_string())
}

fn modified_on_write(own: &Path) -> Found {
    let mut file = File::create(own.join("a"))?;
    file.set_modified(at(1_000_000_000, 0))?;
    file.write_all(b"a")?;
    let passed = SystemTime::now().duration_since(file.metadata()?.modified()?);
    let passed = passed.unwrap_or_default();
    Ok((passed < Duration::from_secs(60)).to_string())
}

fn lock(own: &Path) -> Found {
    let (a, b) = (both(&own.join("a"))?, both(&own.join("a"))?);
    a.lock()?;
    let taken = match b.try_lock() {
        Ok(()) => "done".to_owned(),
        Err(fs::TryLockError::WouldBlock) => "WouldBlock".to_owned(),
        Err(fs::TryLockError::Error(why)) => format!("{:?}", why.kind()),
    };
    a.unlock()?;
    join(&[taken, kind(b.lock_shared())])
}

fn many_open(own: &Path) -> Found {
    let mut files = Vec::new();
    for number in 0..20 {
        files.push(both(&own.join(number.to_string()))?);
    }
    for (number, file) in files.iter_mut().enumerate() {
        write!(file, "{number}")?;
    }
    Ok(held(own.join("19")))
}
