// Written by scripts/generate-assets from manifests/. Do not edit.
// swift-format-ignore-file

extension Assets {
    /// The files of `manifests/`, sorted by path.
    package static let manifests: [Asset] = [
        Asset(
            path: "manifests/README.md",
            text: #"""
# The starter config repository

Everything that Plumbline does is declared in a git repository of YAML files: what hosts measure, what raises an alert,
who is told, how long data are kept. This one is a good start for one Linux host or a few; `plumb up` makes a repository
of its own from it.

| folder | what |
| --- | --- |
| `collectors/` | what agents measure: processors, memory, file systems, disks, network, pressure, sensors, programs, … |
| `log-sources/` | which log files agents read |
| `alert-rules/` | when something is wrong |
| `notifiers/` | who is told; nobody until you say so |
| `host-groups/` | which hosts belong together, and when silence is an event |
| `retentions/` | how long data are kept |

The folders are for people: any `*.yaml` or `*.yml` counts, wherever it lies. Files and folders whose name begins with a
dot do not, nor does what a `.plumbignore` names (same syntax as `.gitignore`).

## A first change

With `plumb up` running in another terminal:

```sh
git clone .plumbline/config.git config && cd config
sed -i 's/> 90/> 80/' alert-rules/cpu.yaml      # alert at 80 % instead of 90
git commit -am "Alert at 80 % processor load"
git push
```

The push itself answers: a mistake is rejected with file, line and column, and a good commit comes back with what it
changes and the result, usually within two seconds. Nothing else has to be restarted or clicked.

Then change the same threshold behind git's back, with `plumb psql`, and watch it being found, named and set right:

```sql
UPDATE plumbline.resources SET spec = jsonb_set(spec, '{expr}', '"node_load1 > 1000"')
 WHERE kind = 'AlertRule' AND name = 'cpu-high';
```

## Where to look further

The reference of all kinds and fields is in `docs/reference/config-repository.md` of Plumbline's source. An editor
completes and checks fields with the JSON Schema that `gitops-sync schema` prints; `gitops-sync validate .` checks a whole
repository without any server.

"""#),
        Asset(
            path: "manifests/alert-rules/collection.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: collector-failing
spec:
  expr: node_scrape_collector_success == 0
  for: 5m
  annotations:
    summary: "{{ $labels.host }}: the collector {{ $labels.collector }} fails"
    description: Part of this host is not measured. The agent's log and the page of the host say why.

"""#),
        Asset(
            path: "manifests/alert-rules/cpu.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: cpu-high
spec:
  expr: 100 * (1 - avg by (host) (rate(node_cpu_seconds_total{mode="idle"}[5m]))) > 90
  # Once it fires it goes on until the load is clearly gone, instead of flapping around one figure.
  clear: 100 * (1 - avg by (host) (rate(node_cpu_seconds_total{mode="idle"}[5m]))) < 75
  for: 10m
  annotations:
    summary: "{{ $labels.host }}: processors {{ $value }} % busy"
    description: Not idle for more than 90 % of the time, over all processors, for ten minutes.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: load-high
spec:
  expr: >-
    max by (host) (node_load15)
    / count by (host) (node_cpu_seconds_total{mode="idle"})
    > 2
  for: 15m
  annotations:
    summary: "{{ $labels.host }}: load of {{ $value }} per processor"
    description: >-
      More than two tasks per processor were running or waiting for a disk, on average over 15 minutes and for as long
      again.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: cpu-stolen
spec:
  expr: 100 * avg by (host) (rate(node_cpu_seconds_total{mode="steal"}[5m])) > 20
  for: 15m
  severity: info
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} % of processor time goes to other machines"
    description: The hypervisor gives this virtual machine much less processor time than it asks for.

"""#),
        Asset(
            path: "manifests/alert-rules/disk.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: disk-saturated
spec:
  expr: 100 * rate(node_disk_io_time_seconds_total[5m]) > 95
  for: 15m
  annotations:
    summary: "{{ $labels.host }}: {{ $labels.device }} {{ $value }} % busy"
    description: The disk had something to do nearly all the time for 15 minutes; whoever uses it waits.

"""#),
        Asset(
            path: "manifests/alert-rules/filesystem.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: filesystem-low
spec:
  expr: 100 * node_filesystem_avail_bytes / node_filesystem_size_bytes < 15
  for: 10m
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} % free on {{ $labels.mountpoint }}"
    description: Less than 15 % of the file system is free for ordinary users.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: filesystem-full
spec:
  expr: 100 * node_filesystem_avail_bytes / node_filesystem_size_bytes < 5
  for: 1m
  severity: critical
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} % free on {{ $labels.mountpoint }}"
    description: Less than 5 % of the file system is free for ordinary users.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: filesystem-filling
spec:
  # At the pace of the last six hours it is full within a day, and more than half of it is full already.
  expr: >-
    predict_linear(node_filesystem_avail_bytes[6h], 24 * 3600) < 0
    and node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.5
  for: 1h
  annotations:
    summary: "{{ $labels.host }}: {{ $labels.mountpoint }} is full within a day"
    description: At the pace of the last six hours the file system is full within 24 hours.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: filesystem-inodes-low
spec:
  # File systems that make inodes as needed report 0 of 0, which is below nothing.
  expr: 100 * node_filesystem_files_free / node_filesystem_files < 10
  for: 10m
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} % of inodes free on {{ $labels.mountpoint }}"
    description: No more files can be made when they run out, however much space is free. Usually many small files.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: filesystem-turned-read-only
spec:
  # Mounted read-only from the start is intended; turning so is what the kernel does after an error.
  expr: node_filesystem_readonly == 1 and min_over_time(node_filesystem_readonly[1d]) == 0
  forEvaluations: 2
  severity: critical
  annotations:
    summary: "{{ $labels.host }}: {{ $labels.mountpoint }} turned read-only"
    description: The kernel does that after errors of the disk below; look at the kernel's log.

"""#),
        Asset(
            path: "manifests/alert-rules/memory.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: memory-low
spec:
  expr: 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 10
  clear: 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 15
  for: 5m
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} % of memory available"
    description: The kernel counts what caches would give back as available; little is left besides.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: memory-exhausted
spec:
  expr: 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 3
  for: 1m
  severity: critical
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} % of memory available"
    description: The kernel is about to kill processes, or does already.
---
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: swap-full
spec:
  # A host without swap has 0 / 0 here, which is above nothing.
  expr: 100 * (1 - node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes) > 90
  for: 15m
  annotations:
    summary: "{{ $labels.host }}: swap {{ $value }} % full"
    description: Memory that was swapped out has nowhere left to go.

"""#),
        Asset(
            path: "manifests/alert-rules/network.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: AlertRule
metadata:
  name: network-errors
spec:
  expr: rate(node_network_receive_errs_total[5m]) + rate(node_network_transmit_errs_total[5m]) > 1
  for: 10m
  annotations:
    summary: "{{ $labels.host }}: {{ $value }} errors a second on {{ $labels.device }}"
    description: Damaged packets, usually a cable, a port or a duplex mismatch.

"""#),
        Asset(
            path: "manifests/collectors/conntrack.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: conntrack
spec:
  source: conntrack
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/containers.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: containers
spec:
  source: containers
  # What containers use, by name. For names the agent must be let at Docker or Podman; else numbers are told.
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/cpu.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: cpu
spec:
  source: cpu
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/disk.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: disk
spec:
  source: disk
  interval: 10s
  # Devices. Partitions, loop devices and RAM disks are left out by the agent itself.
  exclude:
    - sr*
    - md*

"""#),
        Asset(
            path: "manifests/collectors/filefd.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: filefd
spec:
  source: filefd
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/filesystem.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: filesystem
spec:
  source: filesystem
  # How full a file system is changes slowly.
  interval: 30s
  # Mount points, file-system types or devices. Kernel file systems (proc, sysfs, cgroup, overlay, squashfs, ...) are
  # left out by the agent itself.
  exclude:
    - tmpfs
    - ramfs
    - efivarfs
    - fuse.*
    - /run/*
    - /snap/*
    # Written once in a lifetime, and tiny.
    - /boot/efi
    - /efi

"""#),
        Asset(
            path: "manifests/collectors/interfaces.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: interfaces
spec:
  source: interfaces
  # What each interface is, and whether it is up: a dozen files each, which change seldom.
  interval: 1m
  # As in network.yaml.
  exclude:
    - br-*
    - cali*
    - cni*
    - docker*
    - dummy*
    - flannel*
    - gre*
    - ifb*
    - ip6tnl*
    - sit*
    - tap*
    - tun*
    - veth*
    - virbr*
    - vnet*
    - wg*

"""#),
        Asset(
            path: "manifests/collectors/load.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: load
spec:
  source: load
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/mdraid.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: mdraid
spec:
  source: mdraid
  interval: 30s

"""#),
        Asset(
            path: "manifests/collectors/memory.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: memory
spec:
  source: memory
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/netstat.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: netstat
spec:
  source: netstat
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/network.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: network
spec:
  source: network
  interval: 10s
  # Interfaces that do not leave the host, or whose traffic is counted on the interface below them: loopback, bridges,
  # containers, virtual machines, tunnels. Take a line out to see one of them.
  exclude:
    - lo
    - br-*
    - cali*
    - cni*
    - docker*
    - dummy*
    - flannel*
    - gre*
    - ifb*
    - ip6tnl*
    - sit*
    - tap*
    - tun*
    - veth*
    - virbr*
    - vnet*
    - wg*

"""#),
        Asset(
            path: "manifests/collectors/nvme.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: nvme
spec:
  source: nvme
  interval: 1m

"""#),
        Asset(
            path: "manifests/collectors/pressure.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: pressure
spec:
  source: pressure
  # PSI: how long tasks waited for processor, memory and disk. A kernel without it has nothing to tell.
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/processes.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: processes
spec:
  source: processes
  # A file is read for each process.
  interval: 30s
  # So many programs are told by name: those that use most processor time, and most memory.
  top: 5

"""#),
        Asset(
            path: "manifests/collectors/scheduler.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: scheduler
spec:
  source: scheduler
  # How long tasks ran on each processor and waited for it. A kernel without schedstats has nothing to tell.
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/sockstat.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: sockstat
spec:
  source: sockstat
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/softnet.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: softnet
spec:
  source: softnet
  interval: 10s

"""#),
        Asset(
            path: "manifests/collectors/temperature.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: temperature
spec:
  source: temperature
  # Sensors; a virtual machine has none.
  interval: 30s

"""#),
        Asset(
            path: "manifests/collectors/textfile.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: textfile
spec:
  source: textfile
  interval: 30s
  # Programs of the host put files *.prom here, in Prometheus' text format. Debian's packages for node_exporter do.
  directory: /var/lib/prometheus/node-exporter

"""#),
        Asset(
            path: "manifests/collectors/time.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: time
spec:
  source: time
  # Whether the clock is synchronised.
  interval: 1m

"""#),
        Asset(
            path: "manifests/collectors/units.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: units
spec:
  source: units
  # States, restarts and timers of systemd. Names of units can be left out with globs.
  interval: 30s

"""#),
        Asset(
            path: "manifests/collectors/vmstat.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Collector
metadata:
  name: vmstat
spec:
  source: vmstat
  interval: 10s

"""#),
        Asset(
            path: "manifests/host-groups/all.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: HostGroup
metadata:
  name: all
spec:
  # Names or shell globs. A host that is written out here is expected: it is down even if it never reported.
  hosts:
    - "*"
  # A host that was silent for longer is stale, then down. Both are told to the notifiers without any alert rule.
  staleAfter: 20s
  downAfter: 50s

"""#),
        Asset(
            path: "manifests/log-sources/system.yaml",
            text: #"""
# What a Linux host writes about itself. Files that are not there, or that the agent may not read, are reported and cost
# nothing; on Debian, membership in the group adm lets it read them.
apiVersion: plumbline/v1
kind: LogSource
metadata:
  name: system
spec:
  files:
    - /var/log/*.log
    - /var/log/syslog
    - /var/log/messages
    - /var/log/secure
    - /var/log/apt/history.log
  labels:
    job: system

"""#),
        Asset(
            path: "manifests/notifiers/webhook.yaml",
            text: #"""
# Nobody is told of alerts yet: they show on the dashboard only, since a receiver cannot be guessed. To be told, remove
# the "# " in front of the lines below, put in your receiver's address, commit and push.
#
# apiVersion: plumbline/v1
# kind: Notifier
# metadata:
#   name: webhook
# spec:
#   type: webhook
#   url: https://alerts.example.org/hook
#   # An address that holds a token stays out of git: instead of url write the name of a secret, and store the address
#   # on the server with "plumb secret set webhook-url".
#   # secretRef: webhook-url
#   # Gets everything that names no notifier of its own: alerts, hosts that are down, refused commits.
#   default: true

"""#),
        Asset(
            path: "manifests/retentions/logs.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Retention
metadata:
  name: logs
spec:
  dataset: logs
  keep: 14d

"""#),
        Asset(
            path: "manifests/retentions/metrics.yaml",
            text: #"""
apiVersion: plumbline/v1
kind: Retention
metadata:
  name: metrics
spec:
  dataset: metrics
  keep: 30d

"""#),
        Asset(
            path: "manifests/status-pages/status.yaml",
            text: #"""
# What `plumb-page` publishes. `plumb up` writes it to the folder page/status of its data directory once a minute.
# Nothing of it is secret: no query, no label and, with `hosts: count`, no name of a host leaves the platform.
apiVersion: plumbline/v1
kind: StatusPage
metadata:
  name: status
spec:
  title: Service status
  description: Measured, not claimed. This page is generated from the data that raise the alerts.
  components:
    - name: Hosts
      group: Infrastructure
      description: Every host answers and is measured.
      # 1 for each host that was heard in the last two minutes, 0 for one that was only heard in the last hour.
      query: >-
        (count by (host) (count_over_time(node_load1[2m])) or 0 * count by (host) (count_over_time(node_load1[1h])))
        > bool 0
    - name: Memory
      group: Infrastructure
      description: No host is about to run out of memory.
      query: min by (host) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) > bool 0.02
    - name: Storage
      group: Infrastructure
      description: No file system is full.
      query: 100 * min by (host) (node_filesystem_avail_bytes / node_filesystem_size_bytes) > bool 2
    - name: Measurement
      group: Platform
      description: All collectors deliver.
      query: min by (host) (node_scrape_collector_success)
  incidents:
    days: 30
    matchers:
      severity: critical
    titles:
      filesystem-full: Storage is nearly full
  commit: full

"""#),
    ]
}
