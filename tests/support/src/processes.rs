//! Processes of this machine, as `/proc` shows them.

/// The processes whose parent this one is.
pub fn children(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).unwrap();
    let children = tasks.flat_map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("children"));
        let numbers = text.unwrap_or_default();
        numbers
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect::<Vec<u32>>()
    });
    children.collect()
}
