import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

/** What the figures were measured on. */
export interface Host {
  readonly processor: string
  readonly threads: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly system: string
  readonly node: string
}

/** Describes this machine. */
export function describeHost(): Host {
  const system = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    threads: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    system: system ?? 'unknown',
    node: process.version,
  }
}
