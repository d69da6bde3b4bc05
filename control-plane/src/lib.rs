//! Auscult's control plane.

pub mod app;
pub mod backup;
pub mod certificate;
pub mod checkpoints;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod demo;
pub mod domain;
pub mod erasures;
pub mod error;
pub mod gateway;
pub mod http;
pub mod ids;
pub mod lifecycle;
pub mod live;
pub mod mail;
pub mod media;
pub mod metrics;
pub mod model;
pub mod signalling;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod web;
