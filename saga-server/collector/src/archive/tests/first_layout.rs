//! An archive of the first layout, which version 0.1 wrote: it goes on being read.
