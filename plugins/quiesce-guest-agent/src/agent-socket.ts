import { resolve } from 'node:path'
import { BackupError, type MachineRef } from '@holdfast/core'
import type { GuestAgentQuiesceOptions } from './options.js'

/**
 * Finds the socket of a machine's guest agent, as an absolute path.
 *
 * @throws BackupError `E_FREEZE` where the options have none, or the machine's name would lead elsewhere
 */
export function agentSocket(options: GuestAgentQuiesceOptions, machine: MachineRef, baseDir: string): string {
  return resolve(baseDir, chosen(options, machine))
}

function chosen({ socket, sockets }: GuestAgentQuiesceOptions, machine: MachineRef): string {
  if (socket !== undefined) {
    return socket.replaceAll(/\{(name|id)\}/g, (_, part: 'name' | 'id') => pathPart(part, machine))
  }
  const key = [machine.id, machine.name].find((name) => sockets !== undefined && Object.hasOwn(sockets, name))
  const path = key === undefined ? undefined : sockets?.[key]
  if (path === undefined) {
    throw refused(machine, `the option sockets has no entry for machine '${machine.name}'`, 'Add its name or its id.')
  }
  return path
}

/** A name comes from the hypervisor, where others than the operator may choose it. */
function pathPart(part: 'name' | 'id', machine: MachineRef): string {
  const text = machine[part]
  if (/[/\\\p{Cc}]/u.test(text) || text === '' || text === '.' || text === '..') {
    throw refused(
      machine,
      `the ${part} of machine '${machine.name.replaceAll(/\p{Cc}/gu, ' ')}' cannot be part of a path`,
      part === 'name' ? 'Use {id} in the option socket, or the option sockets.' : 'Use the option sockets.',
    )
  }
  return text
}

function refused(machine: MachineRef, what: string, hint: string): BackupError {
  return new BackupError('E_FREEZE', `The guest agent's socket is not known: ${what}.`, {
    plugin: 'guest-agent',
    operation: 'quiesce.freeze',
    context: { machine: machine.id },
    hint,
  })
}
