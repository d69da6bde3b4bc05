//! Mail: letters wait in a bounded queue and one task hands them to the clinic's mail server (SMTP, RFC 5321). Nobody
//! waits for it. A letter that is lost (queue full, process killed) can be asked for again, so none of them is stored.

mod letter;

use std::time::Duration;

use anyhow::Context;
use lettre::message::Mailbox;
use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use prometheus::IntCounterVec;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

pub use letter::News;

use crate::app::App;
use crate::config::Config;
use crate::domain::time::Timestamp;
use crate::http::throttle::Throttle;
use crate::ids::TenantId;
use crate::tasks::Tasks;
use letter::Letter;

/// Letters that wait for their first attempt; and as many for another one. Beyond that they are dropped.
const CAPACITY: usize = 256;
/// How long after each failed attempt the next one is made.
const RETRIES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
];
/// The mail server answers within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// At a shutdown letters have this long to leave.
const LAST_MOMENT: Duration = Duration::from_secs(3);
/// What one address gets at once, and how often after that: nobody can have us flood somebody.
const BURST: u32 = 5;
const PACE: Duration = Duration::from_mins(10);

/// Where letters are handed in.
pub struct Post {
    /// `None`: the clinic sends no mail.
    queue: Option<mpsc::Sender<Letter>>,
    recipients: Throttle<String>,
    letters_total: IntCounterVec,
}

impl Post {
    /// Starts the task that delivers. `letters_total`: by `outcome`.
    pub fn start(config: &Config, letters_total: IntCounterVec, tasks: &Tasks) -> anyhow::Result<Self> {
        let mail = &config.mail;
        let (recipients, counter) = (Throttle::new(BURST, PACE), letters_total.clone());
        if !mail.is_on() {
            return Ok(Self { queue: None, recipients, letters_total });
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&mail.smtp_url)
            .map_err(|_| anyhow::anyhow!("mail.smtp_url: is not understood"))?
            .timeout(Some(PATIENCE))
            .pool_config(PoolConfig::new().max_size(1))
            .build();
        let from = mail.from.parse().context("mail.from")?;
        let (queue, letters) = mpsc::channel(CAPACITY);
        let carrier = Carrier { transport, from, letters, waiting: Vec::new(), letters_total: counter };
        tasks.spawn("mail", carrier.work(tasks.stopping().clone()));
        Ok(Self { queue: Some(queue), recipients, letters_total })
    }

    /// Takes the same time whatever becomes of the letter.
    fn hand_in(&self, letter: Letter, now: Timestamp) {
        let Some(queue) = &self.queue else { return };
        let dropped = |why| {
            self.letters_total.with_label_values(&["dropped"]).inc();
            tracing::warn!(letter = letter.news.name(), why, "a letter was dropped");
        };
        if self.recipients.attempt(&letter.to, now).is_err() {
            dropped("its address gets too many");
        } else if let Err(error) = queue.try_send(letter.clone()) {
            dropped(if matches!(error, mpsc::error::TrySendError::Full(_)) {
                "queue full"
            } else {
                "stopping"
            });
        }
    }
}

impl App {
    /// Sends somebody news about their account, in the name of their clinic. `to`: normalised address.
    pub fn send_mail(&self, tenant: TenantId, to: &str, news: News) {
        let origin = self.store.origin_of(tenant, &self.config.http.public_url);
        self.post.hand_in(Letter { to: to.to_owned(), origin, news }, self.clock.now());
    }
}

/// The task that delivers.
struct Carrier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    letters: mpsc::Receiver<Letter>,
    waiting: Vec<Waiting>,
    letters_total: IntCounterVec,
}

/// A letter that did not get through yet.
struct Waiting {
    letter: Letter,
    failures: usize,
    due: Instant,
}

/// What came of one attempt.
enum Attempt {
    Delivered,
    /// Another one may succeed.
    Failed,
    Refused,
}

impl Carrier {
    /// Ends after `stopping`, when every letter has had its attempt or the last moment is over.
    async fn work(mut self, stopping: CancellationToken) {
        let too_late = async {
            stopping.cancelled().await;
            sleep(LAST_MOMENT).await;
        };
        let is_done = tokio::select! {
            () = self.deliver_all(&stopping) => true,
            () = too_late => false,
        };
        let lost = self.letters.len() + self.waiting.len();
        if lost > 0 || !is_done {
            tracing::warn!(lost, "letters were not delivered before the shutdown");
        }
    }

    async fn deliver_all(&mut self, stopping: &CancellationToken) {
        loop {
            let due = self.waiting.iter().map(|waiting| waiting.due).min();
            tokio::select! {
                biased;
                () = stopping.cancelled(), if !self.letters.is_closed() => self.letters.close(),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.try_again().await,
                letter = self.letters.recv() => match letter {
                    Some(letter) => self.deliver(letter, 0).await,
                    None => break,
                },
            }
        }
        for waiting in std::mem::take(&mut self.waiting) {
            self.deliver(waiting.letter, RETRIES.len()).await;
        }
    }

    async fn try_again(&mut self) {
        let now = Instant::now();
        let due: Vec<Waiting> = self.waiting.extract_if(.., |waiting| waiting.due <= now).collect();
        for Waiting { letter, failures, .. } in due {
            self.deliver(letter, failures).await;
        }
    }

    async fn deliver(&mut self, letter: Letter, failures: usize) {
        let outcome = match self.attempt(&letter).await {
            Attempt::Delivered => "sent",
            Attempt::Refused => "refused",
            Attempt::Failed => match RETRIES.get(failures) {
                Some(delay) if self.waiting.len() < CAPACITY => {
                    let due = Instant::now() + *delay;
                    self.waiting.push(Waiting { letter, failures: failures + 1, due });
                    return;
                }
                _ => "given_up",
            },
        };
        self.letters_total.with_label_values(&[outcome]).inc();
    }

    /// What the mail server says may hold the address, so only its code is logged.
    async fn attempt(&self, letter: &Letter) -> Attempt {
        let name = letter.news.name();
        let Some(message) = letter.message(&self.from) else {
            tracing::warn!(letter = name, "an address that mail cannot be sent to");
            return Attempt::Refused;
        };
        match self.transport.send(message).await {
            Ok(_) => Attempt::Delivered,
            Err(error) => {
                let code = error.status().map(u16::from);
                let refused = error.is_permanent() && !is_about_us(code);
                tracing::warn!(letter = name, code, kind = kind(&error), refused, "a letter was not taken");
                if refused { Attempt::Refused } else { Attempt::Failed }
            }
        }
    }
}

/// Our own sign-in at the mail server was refused (RFC 4954): not the letter's fault.
fn is_about_us(code: Option<u16>) -> bool {
    matches!(code, Some(530 | 534 | 535 | 538))
}

fn kind(error: &Error) -> &'static str {
    if error.is_tls() {
        "TLS"
    } else if error.is_timeout() {
        "timeout"
    } else if error.is_response() || error.is_transient() || error.is_permanent() {
        "answer"
    } else {
        "connection"
    }
}
