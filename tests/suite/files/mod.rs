//! Files below granted roots.

mod granted_roots;
mod protected;
mod quotas;
