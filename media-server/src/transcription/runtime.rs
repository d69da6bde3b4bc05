//! The threads: one that feeds the pipeline, and the workers that run inferences. The only place of the captions
//! that reads the clock.
#![expect(
    clippy::disallowed_methods,
    reason = "the caption threads read the clock here, everything below gets `now`"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;

use super::StopMode;
use super::model::{Installed, Model, promised_consultations};
use super::pipeline::{Job, JobResult, Pipeline};
use super::tap::Taps;
use super::transcriber::{TranscribeError, Transcriber};
use crate::precedence::step_back;
use crate::{MediaEvent, ParticipantId, RoomId};

/// How often the tap is emptied, and commands are looked for.
const POLL: Duration = Duration::from_millis(20);
/// The same while nobody is captioned: not longer than a first word, since what is said meanwhile is in the tap.
const QUIET_POLL: Duration = Duration::from_millis(100);
/// Commands waiting for the pipeline thread. A caller that finds the queue full waits; commands are never dropped.
const COMMANDS: usize = 4096;
/// After this a shutdown no longer waits for the reader of the events.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(7);

pub(super) enum Command {
    Start(RoomId, ParticipantId),
    Stop(RoomId, ParticipantId, StopMode),
    FinishRoom(RoomId, oneshot::Sender<()>),
    Install(Installed),
    Shutdown,
}

/// What the pipeline thread works with.
pub(super) struct Front {
    pub(super) pipeline: Pipeline,
    pub(super) taps: Taps,
    pub(super) events: mpsc::Sender<MediaEvent>,
}

struct Worker {
    jobs: SyncSender<Job>,
    busy: bool,
}

/// Starts the pipeline thread and `workers` inference threads. They end after [`Command::Shutdown`], or when the
/// sender of commands is dropped.
pub(super) fn start(
    front: Front,
    workers: usize,
) -> std::io::Result<(SyncSender<Command>, Vec<JoinHandle<()>>)> {
    let (commands, command_queue) = sync_channel(COMMANDS);
    let (done, results) = sync_channel(workers);
    let mut threads = Vec::new();
    let mut pool = Vec::new();
    for index in 0..workers {
        let (jobs, queue) = sync_channel(1);
        let done = done.clone();
        let name = format!("whisper-{index}");
        threads.push(thread::Builder::new().name(name).spawn(move || work(index, &queue, &done))?);
        pool.push(Worker { jobs, busy: false });
    }
    let run = move || run(front, &command_queue, &results, pool);
    threads.push(thread::Builder::new().name("captions".into()).spawn(run)?);
    Ok((commands, threads))
}

/// The pipeline thread. Wakes when an inference is done, and in between for packets and commands.
fn run(
    mut front: Front,
    commands: &Receiver<Command>,
    results: &Receiver<(usize, JobResult)>,
    mut pool: Vec<Worker>,
) {
    step_back();
    let mut stop_at = None;
    let mut next_poll = Instant::now();
    loop {
        match results.recv_timeout(next_poll.saturating_duration_since(Instant::now())) {
            Ok((index, result)) => {
                if let Some(worker) = pool.get_mut(index) {
                    worker.busy = false;
                }
                front.pipeline.finished(result, Instant::now());
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                if front.take_input(commands, now) && stop_at.is_none() {
                    front.pipeline.finish_all(now);
                    stop_at = Some(now + SHUTDOWN_WITHIN);
                }
                front.pipeline.tick(now);
                next_poll = now + if front.pipeline.is_idle() { QUIET_POLL } else { POLL };
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        front.dispatch(&mut pool);
        front.send_captions();
        if stop_at.is_some_and(|deadline| front.pipeline.is_idle() || Instant::now() >= deadline) {
            break;
        }
    }
}

impl Front {
    /// Packets and commands, so that a packet offered after `start_speaker` returned is heard, and one offered
    /// before `stop_speaker` was called too. True when the threads are to end.
    fn take_input(&mut self, commands: &Receiver<Command>, now: Instant) -> bool {
        let packets = self.taps.take();
        let mut queued = Vec::new();
        let ended = loop {
            match commands.try_recv() {
                Ok(command) => queued.push(command),
                Err(error) => break error == std::sync::mpsc::TryRecvError::Disconnected,
            }
        };
        for command in &queued {
            if let Command::Start(room, participant) = command {
                self.pipeline.start_speaker(*room, *participant);
            }
        }
        for packet in &packets {
            self.pipeline.receive(packet, now);
        }
        let mut shutdown = ended;
        for command in queued {
            match command {
                Command::Start(room, participant) => self.pipeline.start_speaker(room, participant),
                Command::Stop(room, participant, mode) => {
                    self.pipeline.stop_speaker(room, participant, mode, now);
                }
                Command::FinishRoom(room, reply) => self.pipeline.finish_room(room, reply, now),
                Command::Install(installed) => self.pipeline.install(installed),
                Command::Shutdown => shutdown = true,
            }
        }
        shutdown
    }

    fn dispatch(&mut self, pool: &mut [Worker]) {
        for worker in pool.iter_mut().filter(|worker| !worker.busy) {
            let Some(job) = self.pipeline.next_job() else { return };
            worker.busy = true;
            // The worker is waiting: the queue has room.
            if worker.jobs.try_send(job).is_err() {
                tracing::error!("a caption worker is gone");
                return;
            }
        }
    }

    /// What does not fit into the event queue waits in the outbox for the next round.
    fn send_captions(&mut self) {
        while let Some(caption) = self.pipeline.next_caption() {
            match self.events.try_send(MediaEvent::Caption(caption.clone())) {
                Err(TrySendError::Full(_)) => return,
                // Nobody reads captions any more: there is nobody to lose them.
                Ok(()) | Err(TrySendError::Closed(_)) => self.pipeline.caption_sent(),
            }
        }
    }
}

/// A worker thread: keeps one transcriber, makes a new one when the model changed or the old one panicked.
fn work(index: usize, jobs: &Receiver<Job>, done: &SyncSender<(usize, JobResult)>) {
    step_back();
    let mut current: Option<(Arc<Model>, Box<dyn Transcriber>)> = None;
    while let Ok(Job { model, audio, tag }) = jobs.recv() {
        let started = Instant::now();
        let transcribe = AssertUnwindSafe(|| {
            let fresh = match current.take().filter(|(opened, _)| Arc::ptr_eq(opened, &model)) {
                Some((_, transcriber)) => transcriber,
                None => (model.open)()?,
            };
            let (_, transcriber) = current.insert((Arc::clone(&model), fresh));
            transcriber.transcribe(audio.as_slice())
        });
        let outcome = catch_unwind(transcribe).unwrap_or(Err(TranscribeError::Panicked));
        if matches!(outcome, Err(TranscribeError::Panicked)) {
            current = None;
        }
        drop(audio);
        if done.send((index, JobResult { tag, outcome, took: started.elapsed() })).is_err() {
            return;
        }
    }
}

/// Calibration runs for at least this long …
const CALIBRATION: Duration = Duration::from_secs(1);
/// … and at least this many inferences after the first, which only warms up.
const REHEARSALS: usize = 2;

/// Measures what a typical inference costs on this machine: the best of several, so that what else runs at this
/// moment counts less.
pub(super) fn calibrate(model: Model, workers: usize) -> Result<Installed, String> {
    let failed = |error: TranscribeError| format!("The speech model {} does not run: {error}.", model.name);
    let mut transcriber = (model.open)().map_err(failed)?;
    transcriber.rehearse().map_err(failed)?;
    let begun = Instant::now();
    let (mut cost, mut rehearsals) = (Duration::MAX, 0);
    while rehearsals < REHEARSALS || begun.elapsed() < CALIBRATION {
        let started = Instant::now();
        transcriber.rehearse().map_err(failed)?;
        cost = cost.min(started.elapsed());
        rehearsals += 1;
    }
    drop(transcriber);
    let promised = promised_consultations(cost, workers);
    let inference_ms = cost.as_millis() as u64;
    tracing::info!(model = %model.name, demonstration = model.demonstration, inference_ms, workers, promised, "captions ready");
    Ok(Installed { model: Arc::new(model), promised })
}
