//! Janus VideoRoom (Debian's package), driven as its own clients do: one peer connection to publish, one to receive
//! everybody else of the room. Its configuration lies in `benches/janus/`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::sync::{OnceCell, watch};

use super::rpc::Rpc;
use super::{Ask, Join, Place, Tell};
use crate::loadgen::participant::Who;
use crate::loadgen::scenario::Scenario;

/// As in its configuration.
const CONTROL_PORT: u16 = 18188;
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/janus");
const ATTEMPTS: usize = 50;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// A session at Janus and its handle that receives.
#[derive(Clone, Copy)]
struct Session {
    id: u64,
    receiving: u64,
}

/// A room: created once, and how many of its publishers are connected.
struct Room {
    created: OnceCell<()>,
    published: watch::Sender<u16>,
}

/// By the handle that publishes: who will be connected.
type Connecting = Arc<Mutex<HashMap<u64, Arc<Room>>>>;

pub struct Janus {
    pub pid: u32,
    scenario: Scenario,
    rpc: Rpc,
    connecting: Connecting,
    sessions: Mutex<HashMap<Who, Session>>,
    rooms: Mutex<HashMap<u32, Arc<Room>>>,
    /// Session and handle that create and destroy rooms.
    control: (u64, u64),
    _process: Child,
}

impl Janus {
    /// Janus ignores loopback interfaces: `place` must be an address on another one.
    pub async fn start(place: &Place, scenario: Scenario) -> Result<Self> {
        ensure!(!place.server.is_loopback(), "janus cannot serve 127.0.0.1: use `make bench-media`");
        let process = place
            .command("janus")
            .args(["-F", CONFIGURATION, "-C", &format!("{CONFIGURATION}/janus.jcfg")])
            .current_dir(Path::new("/"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("janus: install it with `config/dev/need.sh bench`")?;
        let connecting = Connecting::default();
        let rpc = connect(&format!("ws://{}:{CONTROL_PORT}", place.server), &connecting).await?;
        let control = session(&rpc).await?;
        Ok(Self {
            pid: process.id().context("janus has ended")?,
            scenario,
            rpc,
            connecting,
            sessions: Mutex::default(),
            rooms: Mutex::default(),
            control,
            _process: process,
        })
    }

    pub async fn handle(&self, ask: Ask) -> Result<Vec<Tell>> {
        match ask {
            Ask::Join(join) => self.join(join).await,
            Ask::Applied(who) => self.subscribe(who).await,
            Ask::Answer { who, sdp } => {
                let session = Self::lock(&self.sessions).get(&who).copied();
                if let Some(session) = session {
                    let jsep = json!({ "type": "answer", "sdp": sdp });
                    self.message((session.id, session.receiving), json!({ "request": "start" }), Some(jsep))
                        .await?;
                }
                Ok(Vec::new())
            }
            Ask::Leave(who) => {
                let session = Self::lock(&self.sessions).remove(&who);
                if let Some(session) = session {
                    self.rpc.call(json!({ "janus": "destroy", "session_id": session.id })).await?;
                }
                Ok(Vec::new())
            }
            Ask::Captioned(..) => bail!("janus has no captions"),
            Ask::Close(room) => {
                Self::lock(&self.rooms).remove(&room);
                self.message(self.control, json!({ "request": "destroy", "room": room_id(room) }), None)
                    .await?;
                Ok(Vec::new())
            }
        }
    }

    async fn join(&self, join: Join) -> Result<Vec<Tell>> {
        let who = join.who;
        let room = {
            let mut rooms = Self::lock(&self.rooms);
            let new = || Room { created: OnceCell::new(), published: watch::Sender::new(0) };
            Arc::clone(rooms.entry(who.room).or_insert_with(|| new().into()))
        };
        room.created.get_or_try_init(|| self.create_room(who.room)).await?;
        let (id, publishing) = session(&self.rpc).await?;
        let receiving = attach(&self.rpc, id).await?;
        Self::lock(&self.sessions).insert(who, Session { id, receiving });
        let Some(offer) = join.offer else { return self.subscribe(who).await };
        Self::lock(&self.connecting).insert(publishing, room);
        let body = json!({
            "request": "joinandconfigure", "ptype": "publisher",
            "room": room_id(who.room), "id": feed(who.seat),
        });
        let jsep = json!({ "type": "offer", "sdp": offer });
        let reply = self.message((id, publishing), body, Some(jsep)).await?;
        Ok(vec![Tell::Answer { who, sdp: sdp(&reply)? }])
    }

    /// Receives all the others, once all of them are connected: until then Janus knows no such feed.
    async fn subscribe(&self, who: Who) -> Result<Vec<Tell>> {
        let session = Self::lock(&self.sessions).get(&who).copied();
        let room = Self::lock(&self.rooms).get(&who.room).cloned();
        let (Some(session), Some(room)) = (session, room) else { return Ok(Vec::new()) };
        let wanted = self.scenario.publishers;
        room.published.subscribe().wait_for(|published| *published >= wanted).await?;
        let others = (0..wanted).filter(|seat| *seat != who.seat);
        let streams: Vec<Value> = others.map(|seat| json!({ "feed": feed(seat) })).collect();
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({
            "request": "join", "ptype": "subscriber", "room": room_id(who.room), "streams": streams,
        });
        let reply = self.message((session.id, session.receiving), body, None).await?;
        Ok(vec![Tell::Offer { who, sdp: sdp(&reply)? }])
    }

    async fn create_room(&self, room: u32) -> Result<()> {
        let body = json!({
            "request": "create", "room": room_id(room), "publishers": self.scenario.publishers,
            "bitrate": 0, "videocodec": "vp8", "audiocodec": "opus", "notify_joining": false,
        });
        self.message(self.control, body, None).await.map(drop)
    }

    /// A request to the VideoRoom plugin; its reply.
    async fn message(
        &self,
        (session, handle): (u64, u64),
        body: Value,
        jsep: Option<Value>,
    ) -> Result<Value> {
        let mut request =
            json!({ "janus": "message", "session_id": session, "handle_id": handle, "body": body });
        if let Some(jsep) = jsep {
            request["jsep"] = jsep;
        }
        let reply = self.rpc.call(request).await?;
        let data = &reply["plugindata"]["data"];
        if let Some(error) = data.get("error") {
            bail!("janus: {error}");
        }
        Ok(reply)
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Janus opens its port some time after it was started.
async fn connect(url: &str, connecting: &Connecting) -> Result<Rpc> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let connecting = Arc::clone(connecting);
        let event = move |event: &Value| {
            let up = event["sender"].as_u64().filter(|_| event["janus"] == "webrtcup");
            if let Some(room) = up.and_then(|handle| Janus::lock(&connecting).remove(&handle)) {
                room.published.send_modify(|count| *count += 1);
            }
        };
        match Rpc::connect(url, "janus-protocol", event).await {
            Err(_) if attempt < ATTEMPTS => tokio::time::sleep(BETWEEN_ATTEMPTS).await,
            other => return other,
        }
    }
}

/// A new session and a handle of the VideoRoom plugin in it.
async fn session(rpc: &Rpc) -> Result<(u64, u64)> {
    let reply = rpc.call(json!({ "janus": "create" })).await?;
    let id = reply["data"]["id"].as_u64().context("no session")?;
    Ok((id, attach(rpc, id).await?))
}

async fn attach(rpc: &Rpc, session: u64) -> Result<u64> {
    let request = json!({ "janus": "attach", "session_id": session, "plugin": "janus.plugin.videoroom" });
    rpc.call(request).await?["data"]["id"].as_u64().context("no handle")
}

fn sdp(reply: &Value) -> Result<String> {
    Ok(reply["jsep"]["sdp"].as_str().context("no SDP")?.to_owned())
}

fn feed(seat: u16) -> u64 {
    u64::from(seat) + 1
}

fn room_id(room: u32) -> u64 {
    u64::from(room) + 1
}
