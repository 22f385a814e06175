import { InvalidArgumentError } from 'commander'
import type { CopyCommandOptions } from '../commands/copy.js'
import type { DiffOptions } from '../commands/diff.js'
import type { FilesGetOptions, FilesOptions } from '../commands/files.js'
import type { HoldOptions } from '../commands/hold.js'
import type { ListOptions } from '../commands/list.js'
import type { RestoreOptions } from '../commands/restore.js'
import type { ServeOptions } from '../commands/serve.js'
import type { ShowOptions } from '../commands/show.js'
import type { Declare } from './declare.js'
import { parseDuration } from './parse-duration.js'

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

  const [restore, chooseRestore] = declare('restore', 'restore machines into a folder of disk images, or on a source')
  restore
    .argument('<point...>', pointHelp)
    .option('--to <folder>', 'folder; the machine gets a folder of its own in it')
    .option('--on <pipeline>', 'on the source of this pipeline instead, as that keeps its machines')
    .option('--set <name=value...>', 'with --on: settings that the source knows', settingsOf)
    .option(onTarget, 'read from this target (default: the cheapest copy)')
    .option('--disk <id...>', 'only these disks')
    .option('--name <name>', 'name of the restored machine')
    .option('--as <format>', 'images: raw (default), vmdk, vhd, vhdx or qcow2, and a description for their hypervisor')
    .option('--variant <name>', 'kind of image within the format: fixed, monolithicFlat, …')
    .action((points: readonly string[], options: RestoreOptions) =>
      chooseRestore(true, async (invocation) =>
        (await import('../commands/restore.js')).restore(invocation, points, options),
      ),
    )

  const [serve, chooseServe] = declare(
    'serve',
    'show the disks of a recovery point to NBD clients, until it is stopped',
  )
  serve
    .argument('<point>', pointHelp)
    .option(onTarget, 'read from this target (default: the first that has the point)')
    .option('--disk <id...>', 'only these disks')
    .option('--listen <address>', 'unix:<path> or tcp:<host>:<port> (default: a socket in a folder of its own)')
    .option('--overlay <folder>', 'keep there what clients write, and go on with it (default: thrown away)')
    .option('--read-only', 'let nobody write')
    .option('--cache <size>', 'memory for decoded data (default: 256MiB)')
    .option('--tls-cert <file>', 'certificate of the server, in PEM')
    .option('--tls-key <file>', 'its key, in PEM')
    .option('--tls-ca <file>', 'clients need a certificate of this authority')
    .option('--allow <client...>', 'only these addresses, networks, or fingerprints of certificates')
    .action((point: string, options: ServeOptions) =>
      chooseServe(true, async (invocation) => (await import('../commands/serve.js')).serve(invocation, point, options)),
    )

  const [files] = declare('files', 'look at and take single files of a recovery point')
  const [ls, chooseLs] = declare('ls', 'list the volumes of the disks, or a folder of one', files)
  ls.argument('<point>', pointHelp)
    .argument('[place]', '<disk>[/<partition>]:<path>')
    .option(onTarget, 'read from this target (default: the first that has the point)')
    .action((point: string, place: string | undefined, options: FilesOptions) =>
      chooseLs(false, async (invocation) =>
        (await import('../commands/files.js')).filesList(invocation, point, place, options),
      ),
    )
  const [get, chooseGet] = declare('get', 'copy a file or a folder out of a disk', files)
  get
    .argument('<point>', pointHelp)
    .argument('<place>', '<disk>[/<partition>]:<path>')
    .requiredOption('--to <folder>', 'folder to copy into; nothing existing is overwritten')
    .option(onTarget, 'read from this target (default: the first that has the point)')
    .action((point: string, place: string, options: FilesGetOptions) =>
      chooseGet(true, async (invocation) =>
        (await import('../commands/files.js')).filesGet(invocation, point, place, options),
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
    .option('--latest', 'copy the newest point of each machine')
    .option('--pipeline <name>', 'only points of this pipeline')
    .requiredOption('--from <target>', 'target to read from')
    .requiredOption('--to <target>', 'target to write to')
    .option('--keep <time>', 'keep the media set that is written at least this long: 13w', parseDuration)
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

function settingsOf(word: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Write <name>=<value>.')
  return { ...before, [name]: value }
}
