//! The worker threads. A new room goes to the least loaded one and stays there: no packet ever crosses a thread.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::command::{MediaCommand, Reply};
use crate::engine::{Engine, EngineConfig};
use crate::metrics::MediaMetrics;
use crate::net::{Ports, local_addresses};
use crate::transcription::Tap;
use crate::worker::Worker;
use crate::{MediaConfig, MediaError, MediaEvent, RoomId};

/// Commands waiting for one worker; full: the caller waits, the worker never does.
const COMMANDS: usize = 256;
/// A worker that does not answer for this long is stuck or gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct WorkerHandle {
    commands: mpsc::Sender<MediaCommand>,
    bell: Arc<Waker>,
    port: u16,
}

impl WorkerHandle {
    async fn send(&self, command: MediaCommand) -> Result<(), MediaError> {
        self.commands.send(command).await.map_err(|_| MediaError::WorkerGone)?;
        self.ring();
        Ok(())
    }

    fn ring(&self) {
        if let Err(error) = self.bell.wake() {
            tracing::error!(%error, "a media worker could not be woken");
        }
    }
}

pub(crate) struct WorkerPool {
    workers: Vec<WorkerHandle>,
    rooms: Mutex<HashMap<RoomId, usize>>,
    stop: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl WorkerPool {
    /// Binds every port before the first thread starts, so that a taken port is an error of the caller.
    pub(crate) fn start(
        config: &MediaConfig,
        tap: impl Fn() -> Tap,
        events: &mpsc::Sender<MediaEvent>,
        metrics: &MediaMetrics,
    ) -> Result<Self, MediaError> {
        let count = match config.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let count =
            u8::try_from(count).map_err(|_| MediaError::Config("media.workers: at most 255".into()))?;
        let mut pool = Self {
            workers: Vec::new(),
            rooms: Mutex::new(HashMap::new()),
            stop: CancellationToken::new(),
            threads: Mutex::new(Vec::new()),
        };
        let ports: Vec<Ports> = (0..count).map(|index| bind(index, config)).collect::<Result<_, _>>()?;
        for (index, ports) in (0..).zip(ports) {
            pool.start_worker(index, ports, config, tap(), events.clone(), metrics.clone())?;
        }
        Ok(pool)
    }

    fn start_worker(
        &mut self,
        index: u8,
        ports: Ports,
        config: &MediaConfig,
        tap: Tap,
        events: mpsc::Sender<MediaEvent>,
        metrics: MediaMetrics,
    ) -> Result<(), MediaError> {
        let (bell, port) = (ports.bell(), ports.port);
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = Worker {
            engine: engine(index, port, config, tap),
            ports,
            commands: receiver,
            events,
            metrics,
            stop: self.stop.clone(),
            rung: false,
            events_dropped: 0,
            goes_first: config.workers <= processors,
        };
        let thread = std::thread::Builder::new()
            .name(format!("media-{index}"))
            .spawn(move || worker.run())
            .map_err(|source| bind_error(config, port, source))?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        self.workers.push(WorkerHandle { commands, bell, port });
        Ok(())
    }

    /// Port numbers, UDP and TCP, in worker order.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.workers.iter().map(|worker| worker.port).collect()
    }

    /// Sends a command to the room's worker and awaits its answer. `place`: a room that is not open yet gets a worker.
    pub(crate) async fn ask<T>(
        &self,
        room: RoomId,
        place: bool,
        command: impl FnOnce(Reply<T>) -> MediaCommand,
    ) -> Result<T, MediaError> {
        let worker = self.worker(room, place).ok_or(MediaError::NoSuchParticipant)?;
        let (reply, answer) = oneshot::channel();
        worker.send(command(reply)).await?;
        tokio::time::timeout(ANSWER_TIMEOUT, answer)
            .await
            .map_err(|_| MediaError::WorkerGone)?
            .map_err(|_| MediaError::WorkerGone)?
    }

    pub(crate) async fn tell(&self, room: RoomId, place: bool, command: MediaCommand) {
        if let Some(worker) = self.worker(room, place) {
            // A worker that is gone has nothing left to do.
            drop(worker.send(command).await);
        }
    }

    /// The room is closed: its place is free.
    pub(crate) fn release(&self, room: RoomId) {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).remove(&room);
    }

    fn worker(&self, room: RoomId, place: bool) -> Option<WorkerHandle> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match rooms.get(&room) {
            Some(index) => *index,
            None if place => {
                let load = |index: &usize| rooms.values().filter(|placed| *placed == index).count();
                let index = (0..self.workers.len()).min_by_key(load)?;
                rooms.insert(room, index);
                index
            }
            None => return None,
        };
        self.workers.get(index).cloned()
    }

    /// Every worker's thread is there to take commands.
    pub(crate) fn is_alive(&self) -> bool {
        self.workers.iter().all(|worker| !worker.commands.is_closed())
    }

    fn stop(&self) {
        self.stop.cancel();
        self.workers.iter().for_each(WorkerHandle::ring);
    }

    /// Ends every session and joins every thread.
    pub(crate) async fn shutdown(&self) {
        self.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a media worker had panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("media workers could not be joined");
        }
    }
}

impl Drop for WorkerPool {
    /// The threads sleep until somebody rings.
    fn drop(&mut self) {
        self.stop();
    }
}

fn bind(index: u8, config: &MediaConfig) -> Result<Ports, MediaError> {
    let port = match config.first_port {
        0 => 0,
        first => first
            .checked_add(u16::from(index))
            .ok_or_else(|| MediaError::Config("media.first_port + media.workers exceeds 65535".into()))?,
    };
    Ports::bind(config.listen, port).map_err(|source| bind_error(config, port, source))
}

fn bind_error(config: &MediaConfig, port: u16, source: std::io::Error) -> MediaError {
    MediaError::Bind { what: "media port", address: SocketAddr::new(config.listen, port), source }
}

fn engine(worker: u8, port: u16, config: &MediaConfig, tap: Tap) -> Engine {
    let with_port = |addresses: Vec<std::net::IpAddr>| {
        addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()
    };
    let config = EngineConfig {
        worker,
        ice_lite: config.ice_lite,
        local: with_port(local_addresses(config.listen)),
        public: with_port(config.public_addresses.clone()),
        max_participants_per_room: config.max_participants_per_room,
        max_participants: config.max_participants_per_worker,
        disconnect_timeout: Duration::from_secs(config.disconnect_timeout_s),
        hearing_within: Duration::from_secs(config.hearing_within_s),
        silent_after: Duration::from_secs(config.silent_after_s),
    };
    let random = Box::new(|bytes: &mut [u8; 28]| {
        aws_lc_rs::rand::fill(bytes).expect("the operating system provides random numbers");
    });
    Engine::new(config, Some(tap), random, crate::worker::clock())
}
