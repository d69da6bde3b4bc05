//! The real threads, in real time.
#![expect(clippy::disallowed_methods, reason = "real threads need the real clock")]

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::Registry;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::model::{Installed, Model};
use super::super::transcriber::TranscribeError;
use super::super::{Caption, CaptionKind, CaptionsStatus, Epoch, StopMode, Transcription};
use super::sim::{UNIX_MS, packets, participant, room, scripted_model};
use super::speech::Dialogue;
use crate::{MediaEvent, WhisperConfig};

struct Running {
    transcription: Transcription,
    events: mpsc::Receiver<MediaEvent>,
    registry: Registry,
}

fn start(model: Result<Model, String>, capacity: usize) -> Running {
    let (sender, events) = mpsc::channel(capacity);
    let registry = Registry::new();
    let epoch = Epoch { instant: Instant::now(), unix_ms: UNIX_MS };
    let installed = model.map(|model| Installed { model: Arc::new(model), promised: 4 });
    let config = WhisperConfig::default();
    let transcription = Transcription::with_model(installed, &config, 2, epoch, sender, &registry).unwrap();
    Running { transcription, events, registry }
}

impl Running {
    /// Offers the first `seconds` of the doctor's channel of d01, all at once or as fast as they were spoken.
    async fn speak(&self, seconds: u64, paced: bool) {
        let dialogue = Dialogue::load("d01");
        let mut tap = self.transcription.tap();
        let count = (seconds * 50) as usize;
        for packet in packets(&dialogue.doctor[..count], (room(1), participant(1)), Instant::now()) {
            if paced {
                tokio::time::sleep_until(packet.arrived.into()).await;
            }
            tap.offer(packet);
        }
    }

    /// Captions that are in the queue now.
    fn captions(&mut self) -> Vec<Caption> {
        let mut all = Vec::new();
        while let Ok(MediaEvent::Caption(caption)) = self.events.try_recv() {
            all.push(caption);
        }
        all
    }

    fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum()
    }
}

#[tokio::test]
async fn the_last_words_are_final_before_the_room_is_finished() {
    let mut running = start(Ok(scripted_model(Duration::from_millis(50))), 256);
    running.transcription.start_speaker(room(1), participant(1));
    running.speak(4, false).await;
    timeout(Duration::from_secs(6), running.transcription.finish_room(room(1))).await.unwrap();
    let captions = running.captions();
    assert!(captions.iter().any(|caption| caption.kind == CaptionKind::Final));
    assert!(captions.iter().all(|caption| caption.room == room(1) && caption.participant == participant(1)));
    running.transcription.shutdown().await;
    assert!(running.captions().is_empty());
}

#[tokio::test]
async fn finals_wait_for_a_slow_reader_and_are_never_lost() {
    let mut running = start(Ok(scripted_model(Duration::from_millis(5))), 1);
    running.transcription.start_speaker(room(1), participant(1));
    running.speak(30, false).await;
    let mut finish = pin!(running.transcription.finish_room(room(1)));
    let (mut finished, mut finals) = (false, 0);
    let read = async {
        loop {
            tokio::select! {
                () = &mut finish, if !finished => finished = true,
                event = running.events.recv() => {
                    let Some(MediaEvent::Caption(caption)) = event else { return };
                    finals += usize::from(caption.kind == CaptionKind::Final);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                () = tokio::time::sleep(Duration::from_secs(2)), if finished => return,
            }
        }
    };
    timeout(Duration::from_secs(60), read).await.expect("finished in time");
    assert_eq!(finals, 5);
}

#[tokio::test]
async fn withdrawal_takes_effect_within_a_second_while_an_inference_is_running() {
    let mut running = start(Ok(scripted_model(Duration::from_millis(700))), 256);
    running.transcription.start_speaker(room(1), participant(1));
    running.speak(3, true).await;
    assert!(!running.captions().is_empty(), "a partial was shown");
    running.transcription.stop_speaker(room(1), participant(1), StopMode::Withdraw);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let captions = running.captions();
    assert!(matches!(captions.last(), Some(caption) if caption.kind == CaptionKind::Retracted));
    running.speak(3, false).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(running.captions().is_empty());
}

#[tokio::test]
async fn without_a_model_nothing_is_decoded_and_the_status_says_why() {
    let mut running = start(Err("No speech model is configured.".into()), 16);
    running.transcription.start_speaker(room(1), participant(1));
    running.speak(4, false).await;
    timeout(Duration::from_secs(1), running.transcription.finish_room(room(1))).await.unwrap();
    assert!(running.captions().is_empty());
    assert!(running.metric("auscult_captions_audio_seconds_total").abs() < f64::EPSILON);
    let why = "No speech model is configured.".to_owned();
    assert_eq!(running.transcription.status(), CaptionsStatus::Unavailable { why });
    let refused = running.transcription.replace_model("/nonexistent.bin".into()).await.unwrap_err();
    assert!(refused.ends_with('.'), "{refused}");
    running.transcription.shutdown().await;
}

#[cfg(feature = "whisper")]
#[tokio::test]
async fn a_model_that_comes_later_serves_the_calls_that_are_running() {
    let mut running = start(Err("No speech model is configured.".into()), 256);
    running.transcription.start_speaker(room(1), participant(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ggml-clinic.en.bin");
    std::fs::write(&path, super::models::bundled()).unwrap();
    let status = running.transcription.replace_model(path).await.unwrap();
    assert_eq!(status, CaptionsStatus::Ready { model: "clinic.en".into(), demonstration: false });
    assert_eq!(running.transcription.status(), status);
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.speak(6, false).await;
    running.transcription.finish_room(room(1)).await;
    let captions = running.captions();
    let last = captions.last().unwrap();
    assert!(last.kind == CaptionKind::Final && last.text.reveal().contains("Doctor Garcia"));
    running.transcription.shutdown().await;
}

#[tokio::test]
async fn a_model_that_panics_costs_the_utterance_and_nothing_else() {
    struct Panics;
    impl super::super::transcriber::Transcriber for Panics {
        fn transcribe(
            &mut self,
            _: &[f32],
        ) -> Result<super::super::transcriber::Hypothesis, TranscribeError> {
            panic!("as told")
        }

        fn rehearse(&mut self) -> Result<(), TranscribeError> {
            Ok(())
        }
    }
    let open = Box::new(|| Ok(Box::new(Panics) as Box<dyn super::super::transcriber::Transcriber>));
    let mut running = start(Ok(Model { name: "panics".into(), demonstration: false, open }), 64);
    running.transcription.start_speaker(room(1), participant(1));
    running.speak(7, false).await;
    timeout(Duration::from_secs(6), running.transcription.finish_room(room(1))).await.unwrap();
    let captions = running.captions();
    assert!(!captions.is_empty() && captions.iter().all(|caption| caption.kind == CaptionKind::Gap));
    running.transcription.shutdown().await;
}

#[cfg(feature = "whisper")]
#[tokio::test]
async fn the_demonstration_model_captions_in_real_time() {
    let (sender, mut events) = mpsc::channel(256);
    let config = WhisperConfig { demonstration_fallback: true, ..WhisperConfig::default() };
    let epoch = Epoch { instant: Instant::now(), unix_ms: UNIX_MS };
    let transcription = Transcription::start(&config, epoch, sender, &Registry::new()).unwrap();
    let name = "clinic-test.en".to_owned();
    assert_eq!(transcription.status(), CaptionsStatus::Ready { model: name, demonstration: true });
    let mut running = Running { transcription, events: mpsc::channel(1).1, registry: Registry::new() };
    std::mem::swap(&mut running.events, &mut events);
    running.transcription.start_speaker(room(1), participant(1));
    running.speak(6, true).await;
    running.transcription.finish_room(room(1)).await;
    let captions = running.captions();
    let text: Vec<&str> = captions
        .iter()
        .filter(|caption| caption.kind == CaptionKind::Final)
        .map(|caption| caption.text.reveal())
        .collect();
    assert_eq!(text, ["Hello, I am Doctor Garcia. What brings you here today?"]);
    assert!(matches!(captions[0].kind, CaptionKind::Partial { .. }), "partials come first");
    running.transcription.shutdown().await;
}
