import { flagOf, listOf, recordOf, textOf } from './fields.js'

/** Whether the machine runs. */
export interface MachineStatus {
  readonly isRunning: boolean
  /** QEMU's `RunState`, such as `running`, `paused`, `prelaunch`, `io-error`. */
  readonly status: string
}

/** A node that QEMU serves to others. */
export interface BlockExport {
  readonly id: string
  /** Such as `nbd`. */
  readonly type: string
  readonly nodeName: string
  readonly isShuttingDown: boolean
}

/** Reads the answer to `query-status`. */
export function readMachineStatus(value: unknown): MachineStatus {
  const status = recordOf(value, 'The status')
  return {
    isRunning: flagOf(status['running'], 'running of the status'),
    status: textOf(status['status'], 'The name of the status'),
  }
}

/** Reads the answer to `query-block-exports`. */
export function readBlockExports(value: unknown): readonly BlockExport[] {
  return listOf(value, 'The list of exports', (member, where) => {
    const found = recordOf(member, where)
    return {
      id: textOf(found['id'], 'The id of an export'),
      type: textOf(found['type'], 'The type of an export'),
      nodeName: textOf(found['node-name'], 'The node of an export'),
      isShuttingDown: flagOf(found['shutting-down'], 'shutting-down of an export'),
    }
  })
}
