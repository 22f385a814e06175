import type { BootProbe } from '@holdfast/core'
import { InvalidArgumentError } from 'commander'
import { bootProbeOption } from '../boot-probe-option.js'
import type { KeyAddOptions, KeyOptions } from '../commands/key.js'
import type { PruneCommandOptions } from '../commands/prune.js'
import type { RepairCommandOptions } from '../commands/repair.js'
import type { VerifyCommandOptions } from '../commands/verify.js'
import type { Declare } from './declare.js'
import { parseDuration } from './parse-duration.js'

const onTarget = '--target <name>'

/** Declares what keeps repositories in order. */
export function declareRepositories(declare: Declare): void {
  const [verify, chooseVerify] = declare('verify', 'check repositories and list all damage, or boot recovery points')
  verify
    .argument('[point...]', 'with --boot: id, start of an id, machine@latest, or @latest of each machine (default)')
    .option(onTarget, 'only this target (default: all)')
    .option('--read-data', 'read, decode and hash every chunk')
    .option('--sample <percent>', 'read the data of this share of the packs, chosen at random: 10%', parsePercent)
    .option('--boot', 'boot points in isolation, throw the machines away, and keep the evidence')
    .option('--machine <name>', 'with --boot: only machines of this name or id; * stands for anything')
    .option('--probe <probe>', 'shows that a machine is up: serial:<text>, agent, command:<command line>', parseProbe)
    .option('--boot-timeout <time>', 'longest that it may take until then: 90s, 5m (default: 2m)', parseDuration)
    .option('--on <pipeline>', 'boot on the source of this pipeline (default: that which made the point)')
    .option(
      '--restore',
      'with --boot: restore the disks first (default: where they cannot be read from the repository)',
    )
    .action((points: readonly string[], options: VerifyCommandOptions) =>
      chooseVerify(true, async (invocation) =>
        (await import('../commands/verify.js')).verify(invocation, points, options),
      ),
    )

  const [prune, choosePrune] = declare('prune', 'remove what retention no longer wants')
  prune
    .option(onTarget, 'only this target (default: all)')
    .option('--dry-run', 'explain each decision and change nothing')
    .action((options: PruneCommandOptions) =>
      choosePrune(true, async (invocation) => (await import('../commands/prune.js')).prune(invocation, options)),
    )

  const [repair, chooseRepair] = declare('repair', 'mend a damaged repository')
  repair
    .option(onTarget, 'target to mend (default: the only one)')
    .option('--from <name>', 'target whose copies mend what is lost')
    .action((options: RepairCommandOptions) =>
      chooseRepair(true, async (invocation) => (await import('../commands/repair.js')).repair(invocation, options)),
    )
  declareKeys(declare)
}

function declareKeys(declare: Declare): void {
  const [key] = declare('key', 'list and change what opens an encrypted repository')

  const [list, chooseList] = declare('list', 'list the key slots', key)
  list
    .option(onTarget, 'target (default: the only one)')
    .action((options: KeyOptions) =>
      chooseList(false, async (invocation) => (await import('../commands/key.js')).keyList(invocation, options)),
    )

  const [add, chooseAdd] = declare('add', 'let another passphrase open the repository', key)
  add
    .option(onTarget, 'target (default: the only one)')
    .requiredOption('--label <label>', 'name of the new key slot')
    .option('--passphrase-env <variable>', 'the new passphrase is in this environment variable')
    .option('--passphrase-file <file>', 'the new passphrase is in this file')
    .option('--passphrase-command <word...>', 'the new passphrase is what this program prints')
    .action((options: KeyAddOptions) =>
      chooseAdd(true, async (invocation) => (await import('../commands/key.js')).keyAdd(invocation, options)),
    )

  const [rotate, chooseRotate] = declare('rotate', 'encrypt everything from now on with a new data key', key)
  rotate
    .option(onTarget, 'target (default: the only one)')
    .action((options: KeyOptions) =>
      chooseRotate(true, async (invocation) => (await import('../commands/key.js')).keyRotate(invocation, options)),
    )

  const [revoke, chooseRevoke] = declare('revoke', 'take a key slot away, and rotate', key)
  revoke
    .argument('<slot>', 'id or label of the slot')
    .option(onTarget, 'target (default: the only one)')
    .action((slot: string, options: KeyOptions) =>
      chooseRevoke(true, async (invocation) =>
        (await import('../commands/key.js')).keyRevoke(invocation, slot, options),
      ),
    )
}

function parseProbe(text: string): BootProbe {
  const probe = bootProbeOption(text)
  if (probe === undefined) throw new InvalidArgumentError('Write serial:<text>, agent or command:<command line>.')
  return probe
}

function parsePercent(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text)?.[1]
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return Number(percent)
  throw new InvalidArgumentError('It must be above 0 % and at most 100 %.')
}
