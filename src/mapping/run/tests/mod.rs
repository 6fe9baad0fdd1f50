mod build;
mod cases;
mod paged;
mod programs;
mod twin;
