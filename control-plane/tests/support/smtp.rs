//! A mail server on loopback: RFC 5321 with AUTH PLAIN (RFC 4954). It keeps what it took and can be told to refuse.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_plane::config::Config;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A mail as it was handed over.
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: String,
    /// `user password` of AUTH PLAIN; empty without.
    pub(crate) login: String,
    /// Headers and body, `\n` at the ends of lines.
    pub(crate) text: String,
}

impl Mail {
    /// What stands behind `#` in its link.
    pub(crate) fn secret(&self) -> &str {
        let (_, rest) = self.text.split_once('#').unwrap();
        rest.split_whitespace().next().unwrap()
    }
}

pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    mails: mpsc::Receiver<Mail>,
    refusals: Arc<Mutex<VecDeque<&'static str>>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = mpsc::channel(64);
        let refusals = Arc::<Mutex<VecDeque<_>>>::default();
        let script = Arc::clone(&refusals);
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up in the middle ends its own connection only.
                spawn(Dialogue::new(stream, sender.clone(), Arc::clone(&script)).run());
            }
        };
        spawn(serve);
        Self { address, mails, refusals }
    }

    /// Makes a clinic send its mail through it.
    pub(crate) fn serve(&self, config: &mut Config) {
        config.mail.smtp_url = format!("smtp://{}", self.address);
        config.mail.from = "Clinic <no-reply@care.example>".into();
    }

    /// Answers the next `RCPT` with this instead of 250; one more per call.
    pub(crate) fn refuse_next(&self, reply: &'static str) {
        self.refusals.lock().unwrap().push_back(reply);
    }

    pub(crate) async fn next(&mut self) -> Mail {
        tokio::time::timeout(Duration::from_secs(20), self.mails.recv()).await.expect("a mail").unwrap()
    }

    /// Whatever has been sent has arrived: nothing more comes within a moment.
    pub(crate) async fn nothing_more(&mut self) {
        let more = tokio::time::timeout(Duration::from_millis(300), self.mails.recv()).await;
        assert!(more.is_err(), "one mail too many");
    }
}

#[expect(clippy::disallowed_methods, reason = "ends with the test")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) {
    tokio::spawn(task);
}

struct Dialogue {
    lines: BufReader<tokio::net::tcp::OwnedReadHalf>,
    replies: OwnedWriteHalf,
    mails: mpsc::Sender<Mail>,
    refusals: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Dialogue {
    fn new(
        stream: TcpStream,
        mails: mpsc::Sender<Mail>,
        refusals: Arc<Mutex<VecDeque<&'static str>>>,
    ) -> Self {
        let (read, replies) = stream.into_split();
        Self { lines: BufReader::new(read), replies, mails, refusals }
    }

    async fn run(mut self) -> std::io::Result<()> {
        let (mut login, mut from, mut to) = (String::new(), String::new(), None);
        self.reply("220 mail.example ESMTP").await?;
        while let Some(line) = self.line().await? {
            let verb = line.to_ascii_uppercase();
            if verb.starts_with("EHLO ") {
                self.reply("250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN").await?;
            } else if verb.starts_with("AUTH PLAIN ") {
                let decoded = STANDARD.decode(&line["AUTH PLAIN ".len()..]).unwrap_or_default();
                let text = String::from_utf8_lossy(&decoded).replace('\0', " ");
                text.trim_start().clone_into(&mut login);
                self.reply("235 2.7.0 welcome").await?;
            } else if verb.starts_with("MAIL FROM:") {
                from = address_in(&line);
                self.reply("250 2.1.0 ok").await?;
            } else if verb.starts_with("RCPT TO:") {
                let refusal = self.refusals.lock().unwrap().pop_front();
                to = refusal.is_none().then(|| address_in(&line));
                self.reply(refusal.unwrap_or("250 2.1.5 ok")).await?;
            } else if verb == "DATA" {
                let Some(to) = to.take() else {
                    self.reply("503 5.5.1 nobody to send it to").await?;
                    continue;
                };
                self.reply("354 go ahead").await?;
                let text = self.data().await?;
                self.reply("250 2.0.0 taken").await?;
                let mail = Mail { from: from.clone(), to, login: login.clone(), text };
                let _ = self.mails.send(mail).await;
            } else if verb == "RSET" || verb == "NOOP" {
                self.reply("250 2.0.0 ok").await?;
            } else if verb == "QUIT" {
                return self.reply("221 2.0.0 bye").await;
            } else {
                self.reply("502 5.5.1 not here").await?;
            }
        }
        Ok(())
    }

    async fn reply(&mut self, text: &str) -> std::io::Result<()> {
        self.replies.write_all(format!("{text}\r\n").as_bytes()).await
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let count = self.lines.read_line(&mut line).await?;
        Ok((count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Up to the line with a single dot; a doubled dot at the beginning of a line was one (RFC 5321, section 4.5.2).
    async fn data(&mut self) -> std::io::Result<String> {
        let mut text = String::new();
        while let Some(line) = self.line().await? {
            if line == "." {
                break;
            }
            text += line.strip_prefix('.').unwrap_or(&line);
            text.push('\n');
        }
        Ok(text)
    }
}

fn address_in(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap_or_default();
    rest.split('>').next().unwrap_or_default().to_owned()
}
