//! Signals that the script passes on, and what they come to.

use super::*;

/// Waits for a signal, counts how many come, and ends as seaf-migrate does; without one it ends after a minute.
const WAITING: &str = "#!/bin/bash
count=0 code=0
trap 'count=$((count+1)); code=130' INT
trap 'count=$((count+1)); code=143' TERM
echo ready
while [[ $count -eq 0 && $SECONDS -lt 60 ]]; do sleep 0.02; done
sleep 0.2
echo \"signals: $count\"
exit $code
";

#[test]
fn what_stops_the_script_stops_the_program_and_both_go_on_together() {
    let server = Server::with_program(
        "#!/bin/bash\necho $$\nwhile [[ ! -e go && $SECONDS -lt 60 ]]; do sleep 0.02; done\nexit 7\n",
    );
    let mut child = spawn(&mut server.command(&["../new conf"]));
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let state = |process: &str| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(')').map_or(' ', |(_, rest)| rest.trim_start().chars().next().unwrap_or(' '))
    };
    let (script, program) = (child.id().to_string(), line.trim().to_owned());
    kill_process(Pid::from_child(&child), Signal::TSTP).unwrap();
    let wait = |stopped: bool| {
        while (state(&script) == 'T') != stopped || (state(&program) == 'T') != stopped {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    wait(true);
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    wait(false);
    fs::write(server.path("seafile-server-latest/go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

/// Starts the script over a program that waits, and returns when that one is ready.
fn start(server: &Server) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = server.command(&["../new conf"]);
    let mut child = spawn(command.process_group(0));
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, out)
}

#[test]
fn a_signal_reaches_the_program_once_and_its_exit_code_is_passed_on() {
    let server = Server::with_program(WAITING);
    for (signal, code, to_group) in
        [(Signal::INT, 130, true), (Signal::INT, 130, false), (Signal::TERM, 143, true), (Signal::TERM, 143, false)]
    {
        let (mut child, mut out) = start(&server);
        let pid = Pid::from_child(&child);
        if to_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) }.unwrap();
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal:?} {to_group}");
        assert_eq!(text, "signals: 1\n");
    }
}

#[test]
fn a_program_that_a_signal_kills_ends_the_script_as_a_shell_says_it() {
    let server = Server::with_program("#!/bin/sh\nkill -KILL $$\n");
    let output = server.run(&["../new conf"]);
    assert_eq!(output.status.code(), Some(137));
    assert!(!lines(&output).contains(&"Done.".to_owned()));
}

#[test]
fn a_hangup_is_passed_on_like_the_other_signals() {
    let server = Server::with_program(&WAITING.replace("TERM", "HUP").replace("143", "129"));
    let (mut child, mut out) = start(&server);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    assert_eq!((child.wait().unwrap().code(), text.as_str()), (Some(129), "signals: 1\n"));
}
