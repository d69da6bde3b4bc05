//! Is a file a Whisper model that whisper.cpp will load and run?
//!
//! whisper.cpp aborts the whole process on many malformed files, so everything its loader and its graphs rely on
//! is checked here first: header, mel filters, vocabulary, and name, type and shape of every tensor. Format: the
//! loader of whisper.cpp 1.8 (`whisper_model_load`) and `convert-pt-to-ggml.py`.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};

/// Why a file cannot be used; a sentence for a person behind "The speech model … cannot be used: ".
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelFileError {
    #[error("it ends too early or cannot be read ({0})")]
    Read(#[from] io::Error),
    #[error("it is not a ggml Whisper model")]
    Magic,
    #[error("its {name} is {value}, which no Whisper model has")]
    Dimension { name: &'static str, value: i64 },
    #[error(
        "its weights are in a format that cannot be run here (ftype {0}; f16, q4_0, q4_1, q5_0, q5_1 and q8_0 can)"
    )]
    Weights(i32),
    #[error("its vocabulary is broken")]
    Vocabulary,
    #[error("its tensor {0:?} is unknown, repeated, or has the wrong shape or type")]
    Tensor(String),
    #[error("{0} of its tensors are missing")]
    Missing(usize),
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ModelFile {
    vocabulary: i32,
    pub(super) audio_context: i32,
    state: i32,
    audio_layers: i32,
    text_context: i32,
    text_layers: i32,
    mels: i32,
    weights: TensorType,
}

impl ModelFile {
    /// English-only models have no language tokens.
    pub(super) fn multilingual(&self) -> bool {
        self.vocabulary >= 51_865
    }

    /// Reads all of `file` but the weights themselves.
    pub(super) fn check(file: &mut (impl Read + Seek)) -> Result<Self, ModelFileError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        if read_i32(file)? != 0x6767_6d6c {
            return Err(ModelFileError::Magic);
        }
        let model = Self::header(file)?;
        model.filters(file)?;
        model.vocabulary(file)?;
        let mut expected = model.tensors();
        while file.stream_position()? < length {
            Self::tensor(file, length, &mut expected)?;
        }
        if expected.is_empty() { Ok(model) } else { Err(ModelFileError::Missing(expected.len())) }
    }

    fn header(file: &mut impl Read) -> Result<Self, ModelFileError> {
        let mut next = |name, range: std::ops::RangeInclusive<i32>| {
            let value = read_i32(file)?;
            if range.contains(&value) {
                Ok(value)
            } else {
                Err(ModelFileError::Dimension { name, value: value.into() })
            }
        };
        // Below 50 364 tokens the special tokens, whose numbers are fixed, have no embedding.
        let vocabulary = next("vocabulary size", 50_364..=60_000)?;
        let audio_context = next("audio context", 64..=1_500)?;
        let state = next("audio state size", 8..=4_096)?;
        let audio_heads = next("number of audio heads", 1..=64)?;
        let audio_layers = next("number of audio layers", 1..=64)?;
        let text_context = next("text context", 64..=448)?;
        let text_state = next("text state size", state..=state)?;
        let text_heads = next("number of text heads", 1..=64)?;
        let text_layers = next("number of text layers", 1..=64)?;
        let mels = next("number of mel bands", 80..=128)?;
        let ftype = read_i32(file)?;
        for (name, heads) in [("number of audio heads", audio_heads), ("number of text heads", text_heads)] {
            if text_state % heads != 0 {
                return Err(ModelFileError::Dimension { name, value: heads.into() });
            }
        }
        // The thousands hold the version of the quantisation.
        let weights = TensorType::of_file(ftype % 1000).ok_or(ModelFileError::Weights(ftype))?;
        if !state.is_positive() || i64::from(state) % weights.block().0 != 0 {
            return Err(ModelFileError::Dimension { name: "audio state size", value: state.into() });
        }
        Ok(Self { vocabulary, audio_context, state, audio_layers, text_context, text_layers, mels, weights })
    }

    fn filters(&self, file: &mut (impl Read + Seek)) -> Result<(), ModelFileError> {
        let (mels, bins) = (read_i32(file)?, read_i32(file)?);
        if mels != self.mels {
            return Err(ModelFileError::Dimension { name: "number of mel filters", value: mels.into() });
        }
        if bins != 201 {
            return Err(ModelFileError::Dimension { name: "number of frequency bins", value: bins.into() });
        }
        file.seek_relative(i64::from(mels) * i64::from(bins) * 4)?;
        Ok(())
    }

    /// The token `" "` must be there: whisper.cpp looks it up and dies without it.
    fn vocabulary(&self, file: &mut impl Read) -> Result<(), ModelFileError> {
        let count = read_i32(file)?;
        if !(1..=self.vocabulary).contains(&count) {
            return Err(ModelFileError::Vocabulary);
        }
        let mut space = false;
        let mut token = Vec::new();
        for _ in 0..count {
            let length = usize::try_from(read_i32(file)?).ok().filter(|length| *length <= 1024);
            token.resize(length.ok_or(ModelFileError::Vocabulary)?, 0);
            file.read_exact(&mut token)?;
            space |= token == b" ";
        }
        if space { Ok(()) } else { Err(ModelFileError::Vocabulary) }
    }

    fn tensor(
        file: &mut (impl Read + Seek),
        length: u64,
        expected: &mut HashMap<String, Tensor>,
    ) -> Result<(), ModelFileError> {
        let (dimensions, name_length, kind) = (read_i32(file)?, read_i32(file)?, read_i32(file)?);
        let broken = |name: &[u8]| ModelFileError::Tensor(String::from_utf8_lossy(name).into_owned());
        if !(1..=4).contains(&dimensions) || !(1..=128).contains(&name_length) {
            return Err(broken(b""));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(i64::from(read_i32(file)?));
        }
        let mut name = vec![0; name_length as usize];
        file.read_exact(&mut name)?;
        let tensor = std::str::from_utf8(&name)
            .ok()
            .and_then(|name| expected.remove(name))
            .ok_or_else(|| broken(&name))?;
        if tensor.shape != shape || tensor.kind as i32 != kind {
            return Err(broken(&name));
        }
        let end = file.stream_position()? + tensor.bytes();
        if end > length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        file.seek_relative(tensor.bytes() as i64)?;
        Ok(())
    }

    /// Every tensor the loader wants, by name; shapes with the fastest dimension first.
    fn tensors(&self) -> HashMap<String, Tensor> {
        use TensorType::{F16, F32};
        let state = i64::from(self.state);
        let mut all = HashMap::new();
        let mut add = |name: String, kind, shape: &[i64]| {
            all.insert(name, Tensor { kind, shape: shape.to_vec() });
        };
        add("encoder.positional_embedding".into(), F32, &[state, self.audio_context.into()]);
        for (name, inputs) in [("conv1", self.mels.into()), ("conv2", state)] {
            add(format!("encoder.{name}.weight"), F16, &[3, inputs, state]);
            add(format!("encoder.{name}.bias"), F32, &[1, state]);
        }
        add("decoder.positional_embedding".into(), F32, &[state, self.text_context.into()]);
        add("decoder.token_embedding.weight".into(), self.weights, &[state, self.vocabulary.into()]);
        let mut norm = |name: String| {
            add(format!("{name}.weight"), F32, &[state]);
            add(format!("{name}.bias"), F32, &[state]);
        };
        norm("encoder.ln_post".into());
        norm("decoder.ln".into());
        for (half, layers) in [("encoder", self.audio_layers), ("decoder", self.text_layers)] {
            for layer in 0..layers {
                let block = format!("{half}.blocks.{layer}");
                let mut attentions = vec!["attn"];
                if half == "decoder" {
                    attentions.push("cross_attn");
                }
                for attention in attentions {
                    all.extend(attention_tensors(&format!("{block}.{attention}"), self.weights, state));
                }
                all.extend(mlp_tensors(&block, self.weights, state));
            }
        }
        all
    }
}

fn attention_tensors(name: &str, weights: TensorType, state: i64) -> Vec<(String, Tensor)> {
    let mut all = layer_norm(&format!("{name}_ln"), state);
    for part in ["query", "key", "value", "out"] {
        all.push((format!("{name}.{part}.weight"), Tensor { kind: weights, shape: vec![state, state] }));
        if part != "key" {
            all.push((format!("{name}.{part}.bias"), Tensor { kind: TensorType::F32, shape: vec![state] }));
        }
    }
    all
}

fn mlp_tensors(block: &str, weights: TensorType, state: i64) -> Vec<(String, Tensor)> {
    let mut all = layer_norm(&format!("{block}.mlp_ln"), state);
    for (part, inputs, outputs) in [("0", state, 4 * state), ("2", 4 * state, state)] {
        all.push((
            format!("{block}.mlp.{part}.weight"),
            Tensor { kind: weights, shape: vec![inputs, outputs] },
        ));
        all.push((
            format!("{block}.mlp.{part}.bias"),
            Tensor { kind: TensorType::F32, shape: vec![outputs] },
        ));
    }
    all
}

fn layer_norm(name: &str, state: i64) -> Vec<(String, Tensor)> {
    ["weight", "bias"]
        .map(|part| (format!("{name}.{part}"), Tensor { kind: TensorType::F32, shape: vec![state] }))
        .into()
}

/// Number as in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TensorType {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
}

impl TensorType {
    /// The type of the large weights of a file with this ftype. Plain f32 is refused: it aborts in the convolution.
    fn of_file(ftype: i32) -> Option<Self> {
        Some(match ftype {
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            7 => Self::Q8_0,
            8 => Self::Q5_0,
            9 => Self::Q5_1,
            _ => return None,
        })
    }

    /// Elements and bytes of one block.
    fn block(self) -> (i64, i64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
        }
    }
}

struct Tensor {
    kind: TensorType,
    shape: Vec<i64>,
}

impl Tensor {
    fn bytes(&self) -> u64 {
        let (elements, bytes) = self.kind.block();
        (self.shape.iter().product::<i64>() / elements * bytes) as u64
    }
}

fn read_i32(file: &mut impl Read) -> io::Result<i32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(i32::from_le_bytes(bytes))
}
