mod build;
mod cases;
mod narrowed;
mod paged;
mod programs;
mod twin;
