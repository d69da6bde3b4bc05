//! When a media thread has to wake although nothing came: a timer of the system's that stays set for as long as what is due
//! stays the same. A time limit of the wait itself would be set and taken back with every packet.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

pub(super) struct Alarm {
    timer: OwnedFd,
    /// When it goes off, if it has not yet.
    set: Option<Instant>,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self { timer: timerfd_create(TimerfdClockId::Monotonic, flags)?, set: None })
    }

    /// Goes off at `due`, and not at what was said before.
    pub(super) fn set(&mut self, now: Instant, due: Instant) -> io::Result<()> {
        if self.set == Some(due) {
            return Ok(());
        }
        // None at all would switch it off.
        let wait = due.saturating_duration_since(now).max(Duration::from_nanos(1));
        let it_value = Timespec::try_from(wait).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        self.set = Some(due);
        Ok(())
    }

    pub(super) fn went_off(&mut self) {
        self.set = None;
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.timer.as_raw_fd()
    }
}
