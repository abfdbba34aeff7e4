//! The process of a provider: handed the code and the grants, kept by a thread of its own, ended with the last user.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tollgate_capability::Audit;
use tollgate_component::escape;
use tollgate_policy::Limits;
use tracing::Dispatch;

use super::frame::{CODE, END, HELLO, START, STDIN, frame};
use super::hand_over::Parts;
use super::listen::listen;
use super::message::{encode_limits, encode_piece, longest_decision};
use super::send::Writer;
use super::table::{GRACE, Lost, Table};
use crate::compile::worker::command;
use crate::engine::admission::Slot;
use crate::error::HostError;
use crate::interface::wasi_p2::{Piece, Reader, read_on_thread};

/// The first argument that makes a program the process of a provider.
pub(crate) const FLAG: &str = "--tollgate-session-worker";

/// A process, shared by its callers. It is killed when the last of them is gone.
pub(super) struct Process {
    pub(super) table: Table,
    orders: Sender<Order>,
}

/// An order for the thread that keeps the process.
pub(super) enum Order {
    /// Write this frame.
    Send(Vec<u8>),
    /// The process has no user any more.
    Stop,
    /// The process has closed its socket, or has sent a forbidden message.
    Gone(Option<&'static str>),
}

impl Process {
    /// Starts a process, on a thread of its own: the caller waits for nothing.
    pub(super) fn start(program: PathBuf, parts: Parts) -> Result<Process, HostError> {
        let (orders, received) = channel();
        let table = Table::new();
        let keeper = Keeper {
            program,
            table: table.clone(),
            orders: orders.clone(),
            dispatch: tracing::dispatcher::get_default(Clone::clone),
        };
        // The kernel ends the process with the thread that started it: this one, which lives as long.
        let thread = std::thread::Builder::new().name("tollgate-provider".to_owned());
        thread
            .spawn(move || keeper.keep(&parts, &received))
            .map_err(HostError::new)?;
        Ok(Process { table, orders })
    }

    /// Begins a session. The slot comes back if the process has ended.
    pub(super) fn session(
        &self,
        limits: &Arc<Limits>,
        audit: &Arc<Audit>,
        slot: Slot,
    ) -> Result<u64, Slot> {
        let id = self
            .table
            .add(Arc::clone(limits), Arc::clone(audit), slot)?;
        if let Some(start) = frame(START, id, &encode_limits(limits)) {
            self.send(start);
        }
        Ok(id)
    }

    pub(super) fn send(&self, frame: Vec<u8>) {
        // A process that has ended gets nothing, and its callers know.
        let _ = self.orders.send(Order::Send(frame));
    }

    /// Gives a session its standard input as it asks for it.
    pub(super) fn stream(&self, id: u64, reader: Reader) -> Result<(), HostError> {
        let orders = self.orders.clone();
        let give = move |piece: Piece| {
            let frame = frame(STDIN, id, &encode_piece(piece.as_deref()));
            frame.is_some_and(|frame| orders.send(Order::Send(frame)).is_ok())
        };
        let slot = self.table.slot(id);
        let ask = read_on_thread(reader, give, slot).map_err(HostError::new)?;
        self.table.set_stdin(id, ask);
        Ok(())
    }

    /// Ends a session, and the call that is under way in it.
    pub(super) fn end(&self, id: u64) {
        if self.table.end(id)
            && let Some(end) = frame(END, id, &[])
        {
            self.send(end);
        }
    }

    /// Kills a process that has sent a forbidden message.
    pub(super) fn condemn(&self, why: &'static str) {
        let _ = self.orders.send(Order::Gone(Some(why)));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
    }
}

/// The thread that keeps a process: it starts it, writes to it, looks at the clock, and kills it.
struct Keeper {
    program: PathBuf,
    table: Table,
    orders: Sender<Order>,
    dispatch: Dispatch,
}

/// Why a process is ended.
enum End {
    Stopped,
    /// It closed its socket.
    Closed,
    Lied(&'static str),
    Overdue,
    Failed(io::Error),
}

impl Keeper {
    fn keep(self, parts: &Parts, orders: &Receiver<Order>) {
        let lost = match self.spawn() {
            Err(error) => Lost::NotStarted(self.names(&error.to_string())),
            Ok((mut child, socket)) => {
                let end = self.serve(parts, socket, orders);
                // The next session has another process, however long this one takes to end.
                self.table.refuse();
                let status = reap(&mut child, &end);
                self.lost(&end, status)
            }
        };
        self.table.close(&lost);
    }

    fn spawn(&self) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = command(&self.program)
            .arg(FLAG)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()?;
        Ok((child, ours))
    }

    fn serve(&self, parts: &Parts, socket: UnixStream, orders: &Receiver<Order>) -> End {
        match self.hand_over(parts, socket) {
            Ok(mut writer) => self.pass_on(&mut writer, orders),
            Err(end) => end,
        }
    }

    /// Starts to listen, and hands over the grants and the code.
    fn hand_over(&self, parts: &Parts, socket: UnixStream) -> Result<Writer, End> {
        let listened = socket.try_clone().map_err(End::Failed)?;
        let mut writer = Writer::new(socket, self.table.clone()).map_err(End::Failed)?;
        let (table, orders) = (self.table.clone(), self.orders.clone());
        let dispatch = self.dispatch.clone();
        let thread = std::thread::Builder::new().name("tollgate-listener".to_owned());
        let longest = longest_decision(&parts.limits);
        let listener = move || {
            let listen = || listen(listened, &table, longest);
            let why = tracing::dispatcher::with_default(&dispatch, listen);
            let _ = orders.send(Order::Gone(why));
        };
        thread.spawn(listener).map_err(End::Failed)?;
        let too_large = || End::Failed(io::ErrorKind::FileTooLarge.into());
        let hello = parts.hello().ok_or_else(too_large)?;
        let hello = zeroize::Zeroizing::new(frame(HELLO, 0, &hello).ok_or_else(too_large)?);
        writer.write(&hello).map_err(ended)?;
        for folder in parts.folders() {
            writer.pass(&folder).map_err(ended)?;
        }
        let code = parts
            .code()
            .map_err(|error| End::Failed(io::Error::other(error)))?;
        let code = frame(CODE, 0, &code).ok_or_else(too_large)?;
        writer.write(&code).map_err(ended)?;
        Ok(writer)
    }

    /// Writes the frames of the callers until the process is to end.
    fn pass_on(&self, writer: &mut Writer, orders: &Receiver<Order>) -> End {
        loop {
            let order = match self.table.next() {
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => orders.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match order {
                Ok(Order::Send(frame)) => {
                    if let Err(error) = writer.write(&frame) {
                        return ended(error);
                    }
                }
                Ok(Order::Gone(Some(why))) => return End::Lied(why),
                Ok(Order::Gone(None)) => return End::Closed,
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return End::Stopped,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.table.is_overdue() {
                return End::Overdue;
            }
        }
    }

    /// The error for the callers that still wait.
    fn lost(&self, end: &End, status: Option<ExitStatus>) -> Lost {
        let how = match (end, status) {
            (End::Stopped, _) => return Lost::Crashed(None),
            (End::Closed, Some(status)) => status.to_string(),
            (End::Closed, None) => "it closed its socket".to_owned(),
            (End::Lied(why), _) => (*why).to_owned(),
            (End::Overdue, _) => "it did not answer in time".to_owned(),
            (End::Failed(error), _) => error.to_string(),
        };
        if !self.table.is_ready() {
            return Lost::NotStarted(self.names(&format!(
                "is no worker of this version ({how}); build it with this version of the library"
            )));
        }
        let program = self.program.display().to_string();
        tracing::dispatcher::with_default(&self.dispatch, || {
            let program = escape::line(&program);
            tracing::error!(%program, how, "the process of a provider was lost");
        });
        let signal = match end {
            End::Closed => status.and_then(|status| status.signal()),
            _ => None,
        };
        Lost::Crashed(signal)
    }

    fn names(&self, what: &str) -> String {
        format!("worker {}: {what}", self.program.display())
    }
}

/// The end of a process that cannot be written to. Where it has closed the socket, its status tells more.
fn ended(error: io::Error) -> End {
    match error.kind() {
        io::ErrorKind::TimedOut => End::Overdue,
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => End::Closed,
        _ => End::Failed(error),
    }
}

/// Ends the process and waits for it. One that has closed its socket is about to end by itself; its own end is told.
fn reap(child: &mut Child, end: &End) -> Option<ExitStatus> {
    let patience = Instant::now();
    while matches!(end, End::Closed) && patience.elapsed() < GRACE {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Both fail only for a process that has ended and was waited for.
    let _ = child.kill();
    let _ = child.wait();
    None
}
