//! Profile pictures: whatever somebody uploads becomes a small square JPEG that holds nothing but the picture.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage, RgbaImage,
};
use tokio::sync::Semaphore;

/// Largest upload, in bytes.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Width and height of what is kept.
pub const SIDE: u32 = 256;
/// A few kilobytes can claim to be a picture of any size; larger ones than a good camera's are not unpacked.
const MAX_PIXELS: u64 = 50_000_000;
/// Of the unpacked picture, in bytes: what 50 million pixels of four bytes need. The decoder may need as much again.
const MAX_MEMORY: u64 = 4 * MAX_PIXELS;
/// Pictures unpacked at once, which bounds the memory for all of them.
const RUNNING: usize = 1;
/// Pictures that may wait for that; more are refused.
const QUEUED: usize = 8;
const QUALITY: u8 = 85;

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("must be a PNG, JPEG or WebP picture")]
    NotAPicture,
    #[error("may have at most 50 million pixels")]
    TooManyPixels,
    #[error("too many pictures at once")]
    Busy,
    #[error("making a picture stopped")]
    Stopped,
}

/// Turns uploads into profile pictures, off the async threads.
pub struct Pictures {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        let admitted = Semaphore::new(RUNNING + QUEUED);
        Self { running: Arc::new(Semaphore::new(RUNNING)), admitted: Arc::new(admitted) }
    }
}

impl Pictures {
    /// A JPEG of [`SIDE`] × [`SIDE`] pixels: the middle of the upload, the right way up, without metadata.
    pub async fn portrait(&self, upload: Bytes) -> Result<Vec<u8>, PictureError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PictureError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| PictureError::Stopped)?;
        // The permits travel with the work: a caller who gives up does not free a place that is still in use.
        let work = move || {
            let _permits = (admitted, running);
            portrait(&upload)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| PictureError::Stopped)?
    }
}

/// What the bytes are is told by the bytes, not by what the upload calls them.
fn portrait(upload: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut reader =
        ImageReader::new(Cursor::new(upload)).with_guessed_format().map_err(|_| PictureError::NotAPicture)?;
    match reader.format() {
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) => {}
        _ => return Err(PictureError::NotAPicture),
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureError::TooManyPixels);
    }
    let orientation = decoder.orientation().map_err(refusal)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    picture = picture.resize_to_fill(SIDE, SIDE, FilterType::CatmullRom);
    picture.apply_orientation(orientation);
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    on_white(&picture.into_rgba8()).write_with_encoder(encoder).map_err(refusal)?;
    Ok(jpeg)
}

fn refusal(error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooManyPixels,
        _ => PictureError::NotAPicture,
    }
}

/// JPEG has no transparency.
fn on_white(picture: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        let blend = |colour: u16| ((colour * alpha + 255 * (255 - alpha)) / 255) as u8;
        Rgb([blend(red), blend(green), blend(blue)])
    })
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    const RED: [u8; 3] = [220, 20, 20];
    const BLUE: [u8; 3] = [20, 20, 220];

    /// Left half red, right half blue.
    fn halves(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { RED } else { BLUE }));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Exif with an orientation (6: the camera was turned; 1: it was not) and the name of its owner.
    fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.push(orientation);
        exif.extend(b"\0\0\0\0\0\0Owner Ada Lovelace");
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
    }

    /// Only the beginning of a PNG, with a right checksum: it says how large it is going to be.
    fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
        let header =
            [b"IHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&header);
        let start = [137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13];
        [start.as_slice(), &header, &crc.sum().to_be_bytes(), &[0, 0, 0, 0], b"IDAT"].concat()
    }

    fn is(pixel: Rgb<u8>, colour: [u8; 3]) -> bool {
        pixel.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 30)
    }

    fn opened(jpeg: &[u8]) -> RgbImage {
        image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().into_rgb8()
    }

    #[test]
    fn every_kind_becomes_a_small_square() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            for (width, height) in [(700, 300), (300, 700), (10, 10), (1, 1)] {
                let picture = opened(&portrait(&halves(width, height, format)).unwrap());
                assert_eq!(picture.dimensions(), (SIDE, SIDE), "{format:?} {width}×{height}");
                let is_split = width == 1
                    || is(*picture.get_pixel(20, 128), RED) && is(*picture.get_pixel(236, 128), BLUE);
                assert!(is_split, "{format:?} {width}×{height}");
            }
        }
    }

    #[test]
    fn metadata_goes_and_the_picture_stands_upright() {
        let jpeg = halves(400, 400, ImageFormat::Jpeg);
        for (orientation, top, bottom) in [(1, RED, RED), (6, RED, BLUE)] {
            let upload = with_exif(&jpeg, orientation);
            let kept = portrait(&upload).unwrap();
            let has = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
            assert!(has(&upload, b"Exif") && has(&upload, b"Lovelace"));
            assert!(!has(&kept, b"Exif") && !has(&kept, b"Lovelace"));
            let picture = opened(&kept);
            let found = (*picture.get_pixel(20, 20), *picture.get_pixel(20, 236));
            assert!(is(found.0, top) && is(found.1, bottom), "{orientation}: {found:?}");
        }
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let clear = RgbaImage::from_pixel(300, 300, Rgba([0, 0, 0, 0]));
        let mut png = Cursor::new(Vec::new());
        clear.write_to(&mut png, ImageFormat::Png).unwrap();
        let picture = opened(&portrait(png.get_ref()).unwrap());
        assert!(is(*picture.get_pixel(128, 128), [255, 255, 255]));
    }

    #[test]
    fn a_picture_that_claims_to_be_enormous_is_not_unpacked() {
        for (width, height) in [(60_000, 60_000), (u32::MAX >> 1, 1), (10_000, 5_001)] {
            let refused = portrait(&png_that_claims(width, height));
            assert!(matches!(refused, Err(PictureError::TooManyPixels)), "{width}×{height}: {refused:?}");
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let png = halves(300, 300, ImageFormat::Png);
        let gif = b"GIF89a\x01\0\x01\0\0\0\0;".to_vec();
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
        for bad in [Vec::new(), gif, svg, png[..png.len() / 2].to_vec(), png_that_claims(10, 10)] {
            assert!(matches!(portrait(&bad), Err(PictureError::NotAPicture)), "{bad:?}");
        }
    }

    #[test]
    fn what_follows_the_picture_is_left_behind() {
        let upload = [halves(300, 300, ImageFormat::Png), b"<script>alert(1)</script>".to_vec()].concat();
        let kept = portrait(&upload).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains("script"));
    }
}
