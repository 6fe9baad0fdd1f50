mod build;
mod cases;
mod programs;
mod twin;
