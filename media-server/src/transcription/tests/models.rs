//! The bundled model, and files that are none.
