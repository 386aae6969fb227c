compile_error!("autobins = false: no target");
