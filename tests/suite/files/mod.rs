//! Files below granted roots.

mod granted_roots;
mod quotas;
