//! One m-line on which a participant receives a track.

use std::time::{Duration, Instant};

use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::RedDecoder;

use super::selector::{Admission, Selector};
use super::{Frame, Incoming, Session, is_red};
use crate::TrackId;
use crate::egress::{self, Outgoing};
use crate::room::layers::Layer;
use crate::room::rewrite::Rewriter;

/// How the payload type of a source is expressed towards this subscriber; found once per source and payload type.
#[derive(Clone, Copy)]
struct PayloadMapping {
    stream: u64,
    incoming: Pt,
    outgoing: Pt,
    /// As what it is sent again.
    repaired: Option<Pt>,
    /// The subscriber did not negotiate RED: send the primary block alone.
    strip_red: bool,
}

/// Subscription state of one m-line. Lives as long as the session: the m-line's SSRC stays the same when it idles and
/// is used again, so its sequence numbers must go on too (they are part of the SRTP packet index, RFC 3711 §3.3.1).
pub(crate) struct Forward {
    pub(crate) mid: Mid,
    pub(super) kind: MediaKind,
    /// `None`: idle.
    pub(crate) track: Option<TrackId>,
    /// The offer that asked for it; opens when the browser says that it has applied the answer.
    pub(super) request: u32,
    pub(super) open: bool,
    /// Packets of the present track that have left.
    pub(crate) sent: u64,
    pub(super) stream: Option<Outgoing>,
    rewriter: Rewriter,
    selector: Selector,
    mapping: Option<PayloadMapping>,
}

/// A packet that leaves at the next flush.
pub(super) struct Written {
    /// Index of its m-line among the session's.
    line: usize,
    packet: egress::Packet,
    /// When it came here.
    came: Instant,
    stamp: Option<Duration>,
}

/// Room for written packets that stays after a burst.
const KEPT: usize = 64;

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Forwarded {
    Sent,
    /// The layer aimed at cannot be shown before a keyframe.
    NeedsKeyframe,
    /// Of a simulcast layer that this viewer is not shown.
    OtherLayer,
    /// Not negotiated, not open yet, or older than the last source change.
    Dropped,
}

impl Forward {
    pub(super) fn new(mid: Mid, kind: MediaKind, track: TrackId, request: u32, random: u16) -> Self {
        let clock_rate = if kind.is_audio() { 48_000 } else { 90_000 };
        Self {
            mid,
            kind,
            track: Some(track),
            request,
            open: false,
            sent: 0,
            stream: None,
            rewriter: Rewriter::new(clock_rate, random),
            selector: Selector::default(),
            mapping: None,
        }
    }

    /// Points the m-line at another track, or at none; its RTP stream goes on.
    pub(super) fn retarget(&mut self, track: Option<TrackId>, request: u32) {
        if self.track != track {
            self.track = track;
            self.request = request;
            self.open = false;
            self.sent = 0;
            self.selector = Selector::default();
            self.rewriter.interrupt();
        }
    }

    /// The next packet starts a source change: the numbers of what was withheld leave no hole.
    pub(crate) fn interrupt(&mut self) {
        self.selector.interrupt();
        self.rewriter.interrupt();
    }

    /// The layer that the viewer shall see.
    fn target(&self) -> Option<Layer> {
        self.selector.target()
    }

    /// The layer that a keyframe would help.
    pub(crate) fn shown_or_target(&self) -> Option<Layer> {
        self.selector.shown().or(self.selector.target())
    }

    /// Takes over a layer choice; true when a keyframe of the new layer is needed. `wanted`: what the tile needs.
    pub(super) fn aim(&mut self, now: Instant, choice: Option<Layer>, wanted: Option<Layer>) -> bool {
        let changed = self.selector.aim(now, choice, wanted);
        if choice.is_none() {
            self.rewriter.interrupt();
        }
        changed && choice.is_some() && choice != self.selector.shown()
    }

    /// Audio always passes.
    fn admit(&mut self, now: Instant, incoming: &Incoming, frame: &Frame) -> Admission {
        if !frame.needs_keyframe_first() {
            return Admission::Send;
        }
        let continues = self.rewriter.follows(incoming.stream);
        self.selector.admit(now, incoming.layer, continues, frame.starts_keyframe())
    }
}

impl Session {
    /// The browser applied the answer to `request`.
    pub(crate) fn open_forwards(&mut self, request: u32) {
        for forward in self.forwards.iter_mut().filter(|forward| forward.request <= request) {
            forward.open = true;
        }
    }

    /// Open m-lines and the tracks that they receive.
    pub(crate) fn open_lines(&self) -> impl Iterator<Item = (Mid, TrackId)> {
        let open = self.forwards.iter().filter(|forward| forward.open);
        open.filter_map(|forward| Some((forward.mid, forward.track?)))
    }

    /// Open m-lines that carry pictures, with the layer that each aims at.
    pub(crate) fn open_pictures(&self) -> impl Iterator<Item = (Mid, TrackId, Option<Layer>)> {
        let open = self.forwards.iter().filter(|forward| forward.open);
        let tracks = open.filter_map(|forward| Some((forward.mid, forward.track?, forward.target())));
        tracks.filter(|(_, track, _)| !track.source.is_audio())
    }

    /// Packets of the track that have left for this participant.
    pub(crate) fn sent_of(&self, track: TrackId) -> u64 {
        self.forwards.iter().filter(|forward| forward.track == Some(track)).map(|forward| forward.sent).sum()
    }

    /// Writes a packet of another participant's track to this participant's m-line `mid`. It leaves at the next
    /// flush, so that the packets of one receive batch are sent together.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        mid: Mid,
        incoming: &Incoming,
        frame: &Frame,
    ) -> Forwarded {
        let mut lines = self.forwards.iter_mut().enumerate();
        let Some((line, forward)) = lines.find(|(_, forward)| forward.mid == mid && forward.open) else {
            return Forwarded::Dropped;
        };
        if !self.egress.is_ready() || forward.stream.is_none() {
            return Forwarded::Dropped;
        }
        match forward.admit(now, incoming, frame) {
            Admission::Send => {}
            Admission::NeedsKeyframe => return Forwarded::NeedsKeyframe,
            Admission::Skip => return Forwarded::OtherLayer,
        }
        let packet = &incoming.packet;
        let known = forward
            .mapping
            .filter(|known| known.stream == incoming.stream && known.incoming == packet.payload_type);
        let Some(mapping) = known.or_else(|| map_payload_type(&self.rtc, incoming)) else {
            return Forwarded::Dropped;
        };
        forward.mapping = Some(mapping);

        let payload = if mapping.strip_red {
            let Some(primary) = RedDecoder::decode(&packet.payload).ok().and_then(|mut blocks| blocks.pop())
            else {
                return Forwarded::Dropped;
            };
            primary.payload.into()
        } else {
            packet.payload.clone()
        };
        let rewritten = forward.rewriter.rewrite(now, incoming.stream, packet.numbers, frame.vp8());
        let Some((numbers, vp8)) = rewritten else {
            return Forwarded::Dropped;
        };
        let voice = u8::from(packet.voice.unwrap_or_default()) << 7;
        let outgoing = egress::Packet {
            payload_type: *mapping.outgoing,
            repaired_as: mapping.repaired.map(|pt| *pt),
            marker: packet.marker,
            numbers,
            level: packet.level.map(|level| voice | level.unsigned_abs() & 0x7f),
            orientation: packet.orientation.map(|orientation| orientation as u8),
            payload,
            vp8,
        };
        self.written.push(Written { line, packet: outgoing, came: packet.arrived, stamp: packet.stamp });
        self.now = now;
        self.active = now;
        Forwarded::Sent
    }

    /// Packets wait for the next flush.
    pub(crate) fn is_written_to(&self) -> bool {
        !self.written.is_empty()
    }

    /// What was written leaves, and what was held for it. It is encrypted here and not before, so that the first viewer's
    /// packets are on their way while the next one's are encrypted.
    pub(crate) fn flush(&mut self) {
        let mut written = std::mem::take(&mut self.written);
        for Written { line, packet, came, stamp } in written.drain(..) {
            let Some(forward) = self.forwards.get_mut(line) else { continue };
            let Some(stream) = &mut forward.stream else { continue };
            let Some(bytes) = self.egress.send(self.now, stream, packet, came, &mut self.outbox) else {
                continue;
            };
            self.repairs.earn(bytes);
            self.doubles.earn(bytes);
            forward.sent += 1;
            self.departed.extend(stamp);
        }
        written.shrink_to(KEPT);
        self.written = written;
        self.release();
    }
}

/// RED is passed on whole only when the subscriber has RED and the blocks' own payload type means the same to it.
fn map_payload_type(subscriber: &str0m::Rtc, incoming: &Incoming) -> Option<PayloadMapping> {
    let pt = incoming.packet.payload_type;
    let params: &PayloadParams = subscriber.codec_config().match_params(incoming.params)?;
    let red = is_red(&incoming.params, pt);
    let outgoing_red = params.red().filter(|_| params.pt() == incoming.params.pt());
    let (outgoing, strip_red) = match (red, outgoing_red) {
        (true, Some(red)) => (red, false),
        (true, None) => (params.pt(), true),
        (false, _) => (params.pt(), false),
    };
    let repaired = params.resend();
    Some(PayloadMapping { stream: incoming.stream, incoming: pt, outgoing, repaired, strip_red })
}
