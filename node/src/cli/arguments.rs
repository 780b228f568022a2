//! What can be asked for: the grammar of the command line, and its help.

use super::Result;
use super::orders::{Order, node};
use clap::{Args, Parser, Subcommand, ValueEnum};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::NodeId;
use seaworthy_node::grpc::Tls;
use seaworthy_node::server::SNAPSHOT_BYTES;
use seaworthy_node::torture::{Blow, Wiring};
use std::net::Ipv6Addr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

const AFTER_HELP: &str = "\
Examples:
  seaworthy-node                three servers in memory, and a prompt
  seaworthy-node start rpc 5    five real servers on loopback
  printf 'SET a 1\\nGET a\\n' | seaworthy-node
  seaworthy-node client --endpoints 127.0.0.1:7101 --command 'GET a'";

const SERVE_HELP: &str = "\
A server of three, for the first time; from then on without --bootstrap:
  seaworthy-node serve --id 1 --listen 127.0.0.1:7101 --data data/1 \\
    --bootstrap --peers 1=127.0.0.1:7101,2=127.0.0.1:7102,3=127.0.0.1:7103

A fourth, which the others take in once an operator says so:
  seaworthy-node serve --id 4 --listen 127.0.0.1:7104 --data data/4 \\
    --join --peers 1=127.0.0.1:7101,2=127.0.0.1:7102,3=127.0.0.1:7103
  seaworthy-node member --endpoints 127.0.0.1:7101 add 4

A configuration file is an object of JSON whose fields are the long options,
such as {\"id\": 1, \"listen\": \"127.0.0.1:7101\", \"join\": true}. Options on the
command line are stronger than the file, the file is stronger than the
environment. Logs go to stderr; SEAWORTHY_LOG=debug shows more of them. At
SIGHUP certificates are read anew; at SIGTERM a leader hands over, and all end.";

const TORTURE_HELP: &str = "\
Three processes of this program serve on loopback, with data in a directory that
goes at the end. Each round kills servers, freezes one or cuts wires between
them, and waits until the cluster serves again. An administrator of a machine
with loop devices, mkfs.ext4 and xfs_io also cuts the power, breaks disks and
fills them. At the end every key is read. Exits with 1 if the answers that
clients got cannot be explained by any order of what they asked, a server that
was cut off raised its term, or too many clients made one swell or fall silent;
with 3 if that is undecided, with 4 if this machine cannot do what was asked
for, and with 70 if it fails meanwhile.

Fifty failovers, a network that really loses packets, and a minute of too much:
  seaworthy-node torture --rounds 50 --blows kill-leader
  seaworthy-node torture --rounds 90 --network kernel
  seaworthy-node torture --rounds 1 --blows overload
Two controls, which must fail: reads that ask nobody, and disks that sync
nothing (with Debian's package eatmydata):
  seaworthy-node torture --rounds 9 --blows cut-leader --reads stale
  export LD_PRELOAD=libeatmydata.so
  seaworthy-node torture --rounds 3 --blows cut-all-power";

const BENCH_HELP: &str = "\
Three processes of this program serve on loopback, once with their data on the
disk, where every write waits for syncs, and once in /dev/shm, where a sync
costs nothing. Clients ask, wait for the answer and ask again: writes of 100
bytes, and linearizable reads. Everything is measured in turn, round by round.

The same load for a cluster of etcd beside it:
  seaworthy-node bench --etcd 127.0.0.1:2379,127.0.0.1:2479,127.0.0.1:2579";

/// Runs a Seaworthy cluster: a replicated key-value store on Raft.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, args_override_self = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) task: Option<Task>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// A cluster in this process, and a prompt
    Start(Start),
    /// One server of a cluster
    #[command(after_help = SERVE_HELP, args_override_self = true)]
    Serve(Box<Serve>),
    /// A prompt for a cluster elsewhere
    Client {
        #[command(flatten)]
        reach: Reach,
        /// Runs this and exits, with 1 if it could not be done; may be given more than once
        #[arg(long, short, value_name = "LINE")]
        command: Vec<String>,
    },
    /// Shows the servers of a cluster
    Status {
        #[command(flatten)]
        reach: Reach,
    },
    /// Changes who belongs to a cluster
    Member {
        #[command(flatten)]
        reach: Reach,
        #[command(subcommand)]
        change: MemberChange,
    },
    /// Hands the leadership to a server
    Transfer {
        #[command(flatten)]
        reach: Reach,
        /// To whom
        #[arg(value_parser = node)]
        node: NodeId,
    },
    /// Kills and freezes servers of its own under load, and checks what their clients saw
    #[command(after_help = TORTURE_HELP)]
    Torture(Torture),
    /// Measures how fast a cluster is on this machine
    #[command(after_help = BENCH_HELP)]
    Bench(Bench),
    /// Has a server take a snapshot and forget the log before it
    Snapshot {
        #[command(flatten)]
        reach: Reach,
        /// Which
        #[arg(value_parser = node)]
        node: NodeId,
    },
}

impl Default for Task {
    fn default() -> Self {
        Self::Start(Start { protocol: Protocol::Memory, servers: 3, data: None, storage: None })
    }
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum MemberChange {
    /// Has a server that was started with --join learn the log, and gives it a vote
    Add {
        /// Which
        #[arg(value_parser = node)]
        node: NodeId,
    },
    /// Takes a server out of the cluster
    Remove {
        /// Which
        #[arg(value_parser = node)]
        node: NodeId,
    },
    /// Gives a learner a vote
    Promote {
        /// Whom
        #[arg(value_parser = node)]
        node: NodeId,
    },
}

impl MemberChange {
    pub(super) fn order(self) -> Order {
        match self {
            Self::Add { node } => Order::Add(node),
            Self::Remove { node } => Order::Remove(node),
            Self::Promote { node } => Order::Promote(node),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Start {
    /// memory: the simulator's world, at the pace of the clock; rpc: gRPC on loopback, and files
    #[arg(default_value = "memory", ignore_case = true)]
    pub(super) protocol: Protocol,
    /// How many servers, from 1 to 99
    #[arg(default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=99), value_name = "N")]
    pub(super) servers: u64,
    /// With rpc: where the servers keep their data, in a directory each; otherwise it goes at the end
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// With rpc: in which form; otherwise as the durable log
    #[arg(long, ignore_case = true)]
    pub(super) storage: Option<StorageKind>,
}

impl Start {
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        (1..=self.servers).map(NodeId::new)
    }

    pub(super) fn crew(&self) -> String {
        if self.servers == 1 { "one server".to_owned() } else { format!("{} servers", self.servers) }
    }

    pub(super) fn place(&self) -> String {
        match (self.protocol, &self.data) {
            (Protocol::Memory, _) => "in memory".to_owned(),
            (Protocol::Rpc, None) => "on loopback, whose data goes at the end".to_owned(),
            (Protocol::Rpc, Some(data)) => format!("on loopback, with its data in {}", data.display()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    Memory,
    Rpc,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum StorageKind {
    /// The durable log
    #[default]
    Files,
    /// A file to read, for learning
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Torture {
    /// How many times something is done to the servers
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(super) rounds: u32,
    /// How many clients work all the time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64), value_name = "N")]
    pub(super) clients: u32,
    /// How many operations are answered between two rounds
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(super) operations: u64,
    /// What is done, one after the other and then from the first again, instead of everything: kill-leader, kill-one,
    /// kill-two, kill-all, freeze-leader, cut-leader, cut-follower, mute-leader, cut-pair, slow, cut-power,
    /// cut-all-power, break-disk, fill-disk; and overload, which takes long and is done only if it is named
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    pub(super) blows: Vec<Blow>,
    /// How clients read; stale reads are a control, which must fail
    #[arg(long, default_value = "leader")]
    pub(super) reads: Reads,
    /// What is between the servers, and is cut
    #[arg(long, default_value = "proxies")]
    pub(super) network: Network,
    /// For overload: how many clients come on top, each of which waits a second at most
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=4096), value_name = "N")]
    pub(super) crowd: u32,
    /// For overload: how long they stay
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(100..=86_400_000), value_name = "MS")]
    pub(super) rush: u64,
}

/// What is between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Network {
    /// Proxies on loopback, which hold back what is said, or slow it down
    Proxies,
    /// A bridge of the kernel between namespaces, which loses packets; it takes an administrator
    Kernel,
}

impl From<Network> for Wiring {
    fn from(network: Network) -> Self {
        match network {
            Network::Proxies => Self::Proxies,
            Network::Kernel => Self::Kernel,
        }
    }
}

/// How clients read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Reads {
    /// Through the leader
    Leader,
    /// Through any server, which asks the leader
    Follower,
    /// From any server, which asks nobody
    Stale,
}

impl From<Reads> for ReadMode {
    fn from(reads: Reads) -> Self {
        match reads {
            Reads::Leader => Self::Leader,
            Reads::Follower => Self::Follower,
            Reads::Stale => Self::Stale,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Bench {
    /// How many clients work at a time, one number after the other
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256", value_parser = clap::value_parser!(u32).range(1..=1024), value_name = "N")]
    pub(super) clients: Vec<u32>,
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "N")]
    pub(super) rounds: u32,
    /// How long each time
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(10..=60_000), value_name = "MS")]
    pub(super) burst: u64,
    /// Where the servers keep their data, in directories that go at the end; a disk, or the syncs cost nothing
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Members of a cluster of etcd, which gets the same load
    #[arg(long, value_delimiter = ',', value_parser = address, value_name = "ADDRESS")]
    pub(super) etcd: Vec<String>,
    /// What is printed
    #[arg(long, default_value = "human")]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

/// How to reach a cluster.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// Servers of the cluster, each a host and a port; others are found through them
    #[arg(long, value_delimiter = ',', required = true, env = "SEAWORTHY_ENDPOINTS", value_parser = address, value_name = "ADDRESS")]
    pub(super) endpoints: Vec<String>,
    /// The name of the cluster, as in its certificates
    #[arg(long, default_value = "seaworthy", env = "SEAWORTHY_CLUSTER", value_parser = cluster_name, value_name = "NAME")]
    pub(super) cluster: String,
    #[command(flatten)]
    pub(super) tls: TlsFiles,
}

#[derive(Clone, Debug, Args)]
pub(super) struct TlsFiles {
    /// The certificate of the authority, in PEM
    #[arg(long, env = "SEAWORTHY_TLS_CA", requires_all = ["tls_cert", "tls_key"], value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The own certificate, in PEM
    #[arg(long, env = "SEAWORTHY_TLS_CERT", requires = "tls_ca", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its key, in PEM, which nobody else may read
    #[arg(long, env = "SEAWORTHY_TLS_KEY", requires = "tls_ca", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn read(&self, cluster: &str) -> Result<Option<Tls>> {
        match (&self.tls_ca, &self.tls_cert, &self.tls_key) {
            (Some(authority), Some(certificate), Some(key)) => {
                Ok(Some(Tls::read(cluster, authority, certificate, key)?))
            }
            _ => Ok(None),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The number of this server, from 1, which no other server has ever had
    #[arg(long, env = "SEAWORTHY_ID", value_parser = node, value_name = "N")]
    pub(super) id: NodeId,
    /// Where to listen: an address and a port
    #[arg(long, env = "SEAWORTHY_LISTEN", value_parser = address, value_name = "ADDRESS")]
    pub(super) listen: String,
    /// Where others reach this server; otherwise as it is named among the peers, or where it listens
    #[arg(long, env = "SEAWORTHY_ADVERTISE", value_parser = address, value_name = "ADDRESS")]
    pub(super) advertise: Option<String>,
    /// The servers of the cluster, such as 1=10.0.0.1:7101,2=10.0.0.2:7101
    #[arg(long, value_delimiter = ',', env = "SEAWORTHY_PEERS", value_parser = peer, value_name = "N=ADDRESS")]
    pub(super) peers: Vec<(NodeId, String)>,
    /// The name of the cluster, which no other cluster has
    #[arg(long, default_value = "seaworthy", env = "SEAWORTHY_CLUSTER", value_parser = cluster_name, value_name = "NAME")]
    pub(super) cluster: String,
    /// The directory of this server, and of nobody else
    #[arg(long, env = "SEAWORTHY_DATA", value_name = "DIR")]
    pub(super) data: PathBuf,
    /// In which form the data is kept
    #[arg(long, default_value = "files", ignore_case = true, env = "SEAWORTHY_STORAGE")]
    pub(super) storage: StorageKind,
    /// The first start of a founder: all that are named as peers begin together, or one begins alone. Refused where a
    /// server has lived before, which would forget what it has promised
    #[arg(long, conflicts_with = "join")]
    pub(super) bootstrap: bool,
    /// The first start of a server that is then added to a cluster. Refused where a server has lived before
    #[arg(long)]
    pub(super) join: bool,
    /// Serves without TLS where others than this machine can connect: whoever can, may do everything
    #[arg(long)]
    pub(super) insecure: bool,
    /// Ends as at SIGTERM once the standard input does: with whoever starts it and holds the other end, however that
    /// one ends
    #[arg(long)]
    pub(super) until_stdin_ends: bool,
    /// Tells metrics there, in the text format of Prometheus, to whoever asks: an address and a port
    #[arg(long, env = "SEAWORTHY_METRICS", value_parser = address, value_name = "ADDRESS")]
    pub(super) metrics: Option<String>,
    #[command(flatten)]
    pub(super) tls: TlsFiles,
    /// The shortest time without a leader after which a server stands for election; the longest is twice that
    #[arg(long, default_value = "150", env = "SEAWORTHY_ELECTION_TIMEOUT", value_parser = milliseconds, value_name = "MS")]
    pub(super) election_timeout: Duration,
    /// How often a leader speaks when it has nothing to say
    #[arg(long, default_value = "50", env = "SEAWORTHY_HEARTBEAT", value_parser = milliseconds, value_name = "MS")]
    pub(super) heartbeat: Duration,
    /// How many entries are applied between one snapshot and the next
    #[arg(long, default_value_t = 10_000, env = "SEAWORTHY_SNAPSHOT_INTERVAL", value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    pub(super) snapshot_interval: u64,
    /// How many bytes of entries are applied between one snapshot and the next, and kept before it
    #[arg(long, default_value_t = SNAPSHOT_BYTES, env = "SEAWORTHY_SNAPSHOT_BYTES", value_name = "N")]
    pub(super) snapshot_bytes: NonZeroU64,
    /// Threads, besides that of the disk. One does most for what it costs; more help where one is busy all the time and
    /// the host has cores to spare
    #[arg(long, default_value_t = 1, env = "SEAWORTHY_THREADS", value_parser = clap::value_parser!(u16).range(1..=1_024), value_name = "N")]
    pub(super) threads: u16,
    /// Reads options from this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn peer(text: &str) -> std::result::Result<(NodeId, String), String> {
    let (number, address) =
        text.split_once('=').ok_or("a peer is a number and an address, as in 1=10.0.0.1:7101")?;
    Ok((node(number)?, self::address(address)?))
}

fn address(text: &str) -> std::result::Result<String, String> {
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        let sixth = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plain = !host.is_empty() && !host.contains([':', '/', '[', ']', ' ']);
        (plain || sixth.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())) && port.parse::<u16>().is_ok()
    });
    if good {
        Ok(text.to_owned())
    } else {
        Err("an address is a host and a port, as in 10.0.0.1:7101".to_owned())
    }
}

fn cluster_name(text: &str) -> std::result::Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (1..=40).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good {
        Ok(text.to_owned())
    } else {
        Err("a name is made of a to z, 0 to 9 and - between them".to_owned())
    }
}

fn milliseconds(text: &str) -> std::result::Result<Duration, String> {
    let number = text.strip_suffix("ms").unwrap_or(text).parse();
    let number = number.ok().filter(|number| (1..=600_000).contains(number));
    number
        .map(Duration::from_millis)
        .ok_or_else(|| "a time is a number of milliseconds up to 600000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_makes_sense() {
        Arguments::command().debug_assert();
    }

    /// Examples are to be copied, line by line.
    #[test]
    fn what_is_said_besides_the_options_fits_a_terminal() {
        let texts = [AFTER_HELP, SERVE_HELP, TORTURE_HELP, BENCH_HELP];
        let long: Vec<&str> =
            texts.iter().flat_map(|text| text.lines()).filter(|line| 80 < line.chars().count()).collect();
        assert!(long.is_empty(), "{long:#?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would_be_right() {
        let cases: [(&[&str], &str); 10] = [
            (&["start", "memory", "0"], "1..=99"),
            (&["start", "memory", "100"], "1..=99"),
            (&["start", "telex"], "memory"),
            (&["client"], "--endpoints"),
            (&["client", "--endpoints", "7101"], "a host and a port"),
            (&["client", "--endpoints", "http://a:1"], "a host and a port"),
            (&["client", "--endpoints", "::1:7101"], "a host and a port"),
            (&["serve", "--peers", "2=b"], "a host and a port"),
            (&["transfer", "--endpoints", "a:1", "0"], "from 1"),
            (&["status", "--endpoints", "a:1", "--tls-ca", "f"], "--tls-cert"),
        ];
        for (words, hint) in cases {
            let line = ["seaworthy-node"].iter().chain(words);
            let error = Arguments::try_parse_from(line).expect_err("it makes no sense").to_string();
            assert!(error.contains(hint), "{words:?}: {error}");
        }
        for words in [["start", "RPC", "5"], ["status", "--endpoints", "[::1]:7101,localhost:7102"]] {
            assert!(Arguments::try_parse_from(["seaworthy-node"].iter().chain(&words)).is_ok(), "{words:?}");
        }
    }
}
