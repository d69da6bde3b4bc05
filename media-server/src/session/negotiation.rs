//! Offer in, answer out; which m-line carries which track.

mod offer;
pub(super) mod offered;
mod transport;
mod useful;

use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::format::PayloadParams;
use str0m::media::{MediaKind, Mid};

use self::offer::{OfferedLine, offered_lines};
use self::transport::Transport;
use self::useful::useful;
use super::{Forward, Session};
use crate::demux::Demux;
use crate::egress::{ExtensionIds, Outgoing};
use crate::{Answer, MediaError, Negotiation, Source, Subscription};

impl Session {
    /// Answers the browser's offer and takes over its lists of publications and subscriptions.
    pub(crate) fn negotiate(
        &mut self,
        now: Instant,
        negotiation: &Negotiation,
        demux: &Demux,
        random: &mut impl FnMut(&mut [u8; 28]),
    ) -> Result<Answer, MediaError> {
        let lines = offered_lines(&negotiation.offer)?;
        self.check_publications(negotiation, &lines)?;
        let subscriptions = check_subscriptions(negotiation, &lines)?;
        let offer = SdpOffer::from_sdp_string(&self.as_taken_up(&negotiation.offer))
            .map_err(|error| MediaError::Sdp(format!("not understood: {error}")))?;
        self.declare_our_streams();
        let answer = self.rtc.sdp_api().accept_offer(offer);
        self.drain();
        let answer = match answer {
            Ok(answer) => answer.to_sdp_string(),
            Err(error) => {
                self.forget_str0ms_streams(&lines);
                return Err(MediaError::Sdp(error.to_string()));
            }
        };
        let answer = self.restore_credentials(answer, demux, random);
        self.publish(negotiation);
        self.update_forwards(negotiation.request, &subscriptions, random);
        let answer = self.with_our_streams(&answer, random);
        self.forget_str0ms_streams(&lines);
        self.timeout(now);
        Ok(Answer(answer))
    }

    /// What goes on keeps what is known of its streams: a screen that does not change may send no packet for long, and has
    /// to be asked for a keyframe all the same.
    fn publish(&mut self, negotiation: &Negotiation) {
        let lines = negotiation.publish.iter();
        let published: Vec<_> = lines.map(|line| (Mid::from(line.mid.as_str()), line.source)).collect();
        let before = std::mem::take(&mut self.publications);
        let goes_on = |mid: Mid| before.iter().any(|line| line.0 == mid && published.contains(line));
        self.ingress.retain(|ingress| goes_on(ingress.mid));
        self.publications = published;
    }

    pub(crate) fn publishes(&self, source: Source) -> bool {
        self.publications.iter().any(|(_, published)| *published == source)
    }

    fn check_publications(&self, negotiation: &Negotiation, lines: &[OfferedLine]) -> Result<(), MediaError> {
        for (index, line) in negotiation.publish.iter().enumerate() {
            if !self.grant.publish.contains(&line.source) {
                return Err(MediaError::NotGranted(line.source));
            }
            check_line(lines, &line.mid, line.source)?;
            let twice = negotiation
                .publish
                .iter()
                .skip(index + 1)
                .any(|other| other.source == line.source || other.mid == line.mid);
            if twice {
                return Err(MediaError::Sdp(format!(
                    "publish names {:?} or m-line {} twice",
                    line.source, line.mid
                )));
            }
        }
        Ok(())
    }

    /// The offer without what this server makes no use of or no sense of, and with the DTLS roles chosen.
    ///
    /// With ICE lite nobody is ever sent a check, so the browser's candidates are of no use; dropping them here means
    /// that no address in an offer can ever make this server send anything (SSRF). Who leaves the choice to us
    /// (`actpass`, as browsers do) becomes the DTLS server, as RFC 5763 §5 recommends: a forged hello is of no use then.
    fn as_taken_up(&mut self, offer: &str) -> String {
        let useful = useful(offer);
        let lines: Vec<&str> = useful.iter().map(AsRef::as_ref).collect();
        let mut taken_up = String::with_capacity(offer.len() + 2);
        let mut transport = Transport::default();
        for line in self.offered.taken_up(&lines) {
            match line.trim_end() {
                candidate if self.config.ice_lite && candidate.starts_with("a=candidate:") => {}
                _ if transport.repeats(line) => {}
                "a=setup:actpass" => taken_up.push_str("a=setup:passive\r\n"),
                _ => taken_up.push_str(line),
            }
        }
        taken_up
    }

    /// An ICE restart makes str0m invent credentials; ours must go on leading to this slot, so they replace them in
    /// the engine and in the answer.
    fn restore_credentials(
        &mut self,
        answer: String,
        demux: &Demux,
        random: &mut impl FnMut(&mut [u8; 28]),
    ) -> String {
        let invented = self.rtc.direct_api().local_ice_credentials();
        self.drain();
        if invented == self.credentials {
            return answer;
        }
        let mut bytes = [0; 28];
        random(&mut bytes);
        self.credentials = demux.credentials(self.slot, &bytes);
        self.rtc.direct_api().set_local_ice_credentials(self.credentials.clone());
        self.drain();
        answer
            .replace(&invented.ufrag, &self.credentials.ufrag)
            .replace(&invented.pass, &self.credentials.pass)
    }

    /// str0m announces streams of its own for what it would send; what is forwarded leaves under other numbers, since no key
    /// may see two packets of one sender with the same number.
    fn with_our_streams(&mut self, answer: &str, random: &mut impl FnMut(&mut [u8; 28])) -> String {
        let mut renamed = Vec::new();
        let streams = self.forwards.iter().filter_map(|forward| forward.stream.as_ref());
        // str0m keeps 0 for itself.
        let mut ssrcs = vec![0];
        ssrcs.extend(streams.flat_map(|stream| [Some(stream.ssrc), stream.rtx()]).flatten());
        for forward in &mut self.forwards {
            let Some(media) = self.rtc.media(forward.mid) else { continue };
            let (ids, name) = (ExtensionIds::of(media.remote_extmap()), media.cname().to_owned());
            let taken = media.remote_pts();
            let mut repaired = self.rtc.codec_config().iter().filter(|params| taken.contains(&params.pt()));
            let padded_as = repaired.find_map(PayloadParams::resend);
            let mut api = self.rtc.direct_api();
            let Some(theirs) = api.stream_tx_by_mid(forward.mid, None) else { continue };
            let (ssrc, rtx) = (*theirs.ssrc(), theirs.rtx().map(|rtx| *rtx));
            let stream = forward.stream.get_or_insert_with(|| {
                let mut bytes = [0; 28];
                random(&mut bytes);
                let first = u16::from_be_bytes([bytes[0], bytes[1]]);
                let (ssrc, rtx) = (take(&mut ssrcs, !ssrc), rtx.map(|rtx| take(&mut ssrcs, !rtx)));
                Outgoing::new(forward.mid, name, forward.kind, ssrc, rtx, first)
            });
            stream.ids = ids;
            stream.pad_as(padded_as.map(|pt| *pt));
            renamed.push((ssrc.to_string(), stream.ssrc.to_string()));
            renamed
                .extend(rtx.zip(stream.rtx()).map(|(theirs, ours)| (theirs.to_string(), ours.to_string())));
        }
        self.drain();
        let mut ours = String::with_capacity(answer.len());
        answer.split_inclusive('\n').for_each(|line| push_renamed(&mut ours, line, &renamed));
        ours
    }

    /// An answer announces what a line that has fallen silent was sent on, too: a browser that is told of no stream takes its
    /// receiver down, and shows nothing when the stream goes on.
    fn declare_our_streams(&mut self) {
        for Forward { mid, stream, .. } in &self.forwards {
            if let Some(stream) = stream.as_ref().filter(|_| self.rtc.media(*mid).is_some()) {
                let (ssrc, rtx) = (stream.ssrc.into(), stream.rtx().map(Into::into));
                self.rtc.direct_api().declare_stream_tx(ssrc, rtx, *mid, None);
            }
        }
        self.drain();
    }

    /// str0m would look after streams for as long as the session lasts, and report of each that nothing was sent, under numbers
    /// that are ours. It has them only while it makes an answer.
    fn forget_str0ms_streams(&mut self, lines: &[OfferedLine]) {
        let offered = lines.iter().map(|line| Mid::from(line.mid.as_str()));
        let mids: Vec<Mid> = offered.chain(self.forwards.iter().map(|forward| forward.mid)).collect();
        for mid in mids {
            let mut api = self.rtc.direct_api();
            let ssrc = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc());
            if let Some(ssrc) = ssrc {
                api.remove_stream_tx(ssrc);
            }
            self.drain();
        }
    }

    fn update_forwards(
        &mut self,
        request: u32,
        wanted: &[(Mid, &Subscription)],
        random: &mut impl FnMut(&mut [u8; 28]),
    ) {
        for idle in
            self.forwards.iter_mut().filter(|forward| wanted.iter().all(|(mid, _)| *mid != forward.mid))
        {
            idle.retarget(None, request);
        }
        for (mid, subscription) in wanted {
            if let Some(forward) = self.forwards.iter_mut().find(|forward| forward.mid == *mid) {
                forward.retarget(Some(subscription.track), request);
                continue;
            }
            let kind = media_kind(subscription.track.source);
            let mut bytes = [0; 28];
            random(&mut bytes);
            let random = u16::from_be_bytes([bytes[0], bytes[1]]);
            self.forwards.push(Forward::new(*mid, kind, subscription.track, request, random));
        }
    }
}

/// The SSRC, or the next one that no stream of the session ever had: with the same keys its numbers would begin anew.
fn take(taken: &mut Vec<u32>, mut ssrc: u32) -> u32 {
    while taken.contains(&ssrc) {
        ssrc = ssrc.wrapping_add(1);
    }
    taken.push(ssrc);
    ssrc
}

/// Appends a line about streams (RFC 5576 §4.1, §4.2) with others' SSRCs, and any other line as it is.
fn push_renamed(answer: &mut String, line: &str, renamed: &[(String, String)]) {
    if !line.starts_with("a=ssrc:") && !line.starts_with("a=ssrc-group:") {
        return answer.push_str(line);
    }
    for word in line.split_inclusive([':', ' ', '\r', '\n']) {
        let bare = word.trim_end_matches([':', ' ', '\r', '\n']);
        let ours = renamed.iter().find(|(theirs, _)| theirs == bare).map_or(bare, |(_, ours)| ours);
        answer.push_str(ours);
        answer.push_str(word.get(bare.len()..).unwrap_or_default());
    }
}

fn media_kind(source: Source) -> MediaKind {
    if source.is_audio() { MediaKind::Audio } else { MediaKind::Video }
}

fn check_line(lines: &[OfferedLine], mid: &str, source: Source) -> Result<(), MediaError> {
    let line = lines.iter().find(|line| line.mid == mid);
    match line {
        None => Err(MediaError::Sdp(format!("there is no m-line {mid}"))),
        Some(line) if line.kind != media_kind(source) => {
            Err(MediaError::Sdp(format!("m-line {mid} cannot carry {source:?}")))
        }
        Some(_) => Ok(()),
    }
}

fn check_subscriptions<'a>(
    negotiation: &'a Negotiation,
    lines: &[OfferedLine],
) -> Result<Vec<(Mid, &'a Subscription)>, MediaError> {
    let mut wanted: Vec<(Mid, &Subscription)> = Vec::with_capacity(negotiation.subscribe.len());
    for line in &negotiation.subscribe {
        check_line(lines, &line.mid, line.track.source)?;
        let mid = Mid::from(line.mid.as_str());
        let taken = wanted.iter().any(|(other, _)| *other == mid);
        if taken || negotiation.publish.iter().any(|publication| publication.mid == line.mid) {
            return Err(MediaError::Sdp(format!("m-line {} is used twice", line.mid)));
        }
        wanted.push((mid, line));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_streams_share_an_ssrc() {
        let mut taken = vec![7, u32::MAX, 0];
        assert_eq!([9, 7, 7, u32::MAX].map(|ssrc| take(&mut taken, ssrc)), [9, 8, 10, 1]);
    }

    #[test]
    fn streams_are_renamed_where_an_answer_tells_of_streams_and_nowhere_else() {
        let renamed = [("12".to_owned(), "99".to_owned()), ("123".to_owned(), "88".to_owned())];
        let line = |line| {
            let mut answer = String::new();
            push_renamed(&mut answer, line, &renamed);
            answer
        };
        assert_eq!(line("a=ssrc:12 cname:12 x\r\n"), "a=ssrc:99 cname:99 x\r\n");
        assert_eq!(line("a=ssrc-group:FID 12 123\r\n"), "a=ssrc-group:FID 99 88\r\n");
        assert_eq!(line("a=ssrc:1234 msid:a 123\r\n"), "a=ssrc:1234 msid:a 88\r\n");
        assert_eq!(line("a=mid:12\r\n"), "a=mid:12\r\n");
        assert_eq!(line("a=ice-pwd:12\r\n"), "a=ice-pwd:12\r\n");
    }
}
