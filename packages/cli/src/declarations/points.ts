import type { CopyCommandOptions } from '../commands/copy.js'
import type { DiffOptions } from '../commands/diff.js'
import type { HoldOptions } from '../commands/hold.js'
import type { ListOptions } from '../commands/list.js'
import type { RestoreOptions } from '../commands/restore.js'
import type { ShowOptions } from '../commands/show.js'
import type { Declare } from './declare.js'

const pointHelp = 'id, start of an id, or machine@latest'
const onTarget = '--target <name>'

/** Declares what is done with recovery points. */
export function declarePoints(declare: Declare): void {
  const [list, chooseList] = declare('list', 'list recovery points')
  list
    .option(onTarget, 'only this target (default: all)')
    .option('--machine <name>', 'only machines of this name or id; * stands for anything')
    .action((options: ListOptions) =>
      chooseList(false, async (invocation) => (await import('../commands/list.js')).list(invocation, options)),
    )

  const [show, chooseShow] = declare('show', 'show everything about a recovery point')
  show
    .argument('<point>', pointHelp)
    .option(onTarget, 'look at this target only')
    .action((point: string, options: ShowOptions) =>
      chooseShow(false, async (invocation) => (await import('../commands/show.js')).show(invocation, point, options)),
    )

  const [restore, chooseRestore] = declare('restore', 'restore a machine into a folder of disk images')
  restore
    .argument('<point>', pointHelp)
    .requiredOption('--to <folder>', 'folder; the machine gets a folder of its own in it')
    .option(onTarget, 'read from this target (default: the first that has the point)')
    .option('--disk <id...>', 'only these disks')
    .option('--name <name>', 'name of the restored machine')
    .option('--as <format>', 'images: raw, vmdk, vhd, vhdx or qcow2, and a description for their hypervisor', 'raw')
    .option('--variant <name>', 'kind of image within the format: fixed, monolithicFlat, …')
    .action((point: string, options: RestoreOptions) =>
      chooseRestore(true, async (invocation) =>
        (await import('../commands/restore.js')).restore(invocation, point, options),
      ),
    )

  const [diff, chooseDiff] = declare('diff', 'show what changed between two recovery points')
  diff
    .argument('<before>', pointHelp)
    .argument('<after>', pointHelp)
    .option(onTarget, 'look at this target only')
    .action((before: string, after: string, options: DiffOptions) =>
      chooseDiff(false, async (invocation) =>
        (await import('../commands/diff.js')).diff(invocation, before, after, options),
      ),
    )

  const [copy, chooseCopy] = declare('copy', 'copy recovery points from one target to another')
  copy
    .argument('[point...]', pointHelp)
    .option('--all', 'copy every point')
    .requiredOption('--from <target>', 'target to read from')
    .requiredOption('--to <target>', 'target to write to')
    .action((points: readonly string[], options: CopyCommandOptions) =>
      chooseCopy(true, async (invocation) => (await import('../commands/copy.js')).copy(invocation, points, options)),
    )

  const [hold, chooseHold] = declare('hold', 'keep a recovery point from being pruned')
  hold
    .argument('<point>', pointHelp)
    .option(onTarget, 'only the copy on this target (default: every copy)')
    .option('--release', 'let retention decide again')
    .action((point: string, options: HoldOptions) =>
      chooseHold(true, async (invocation) => (await import('../commands/hold.js')).hold(invocation, point, options)),
    )
}
