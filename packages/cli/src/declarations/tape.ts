import { InvalidArgumentError } from 'commander'
import type { LoadOptions } from '../commands/tape/carry.js'
import type { CatalogOptions } from '../commands/tape/catalog.js'
import type { TapeOptions } from '../commands/tape/each-medium.js'
import type { EraseOptions, LabelOptions } from '../commands/tape/overwrite.js'
import type { VaultOptions } from '../commands/tape/vault.js'
import { parsePlace, placeHelp } from '../place-name.js'
import type { Declare } from './declare.js'
import { declareMediaPlan } from './media.js'

const onTarget = ['--target <name>', 'target (default: the only one whose media can be handled)'] as const
const mediumHelp = 'barcode, or the name that the inventory shows'

/** Declares what is done with tapes and the libraries that hold them. */
export function declareTape(declare: Declare): void {
  const [tape] = declare('tape', 'look at and handle the media of tape libraries')
  declareMediaPlan(declare, tape)

  const [inventory, chooseInventory] = declare('inventory', 'show what is in each place, and what is away', tape)
  inventory
    .option(...onTarget)
    .action((options: TapeOptions) =>
      chooseInventory(false, async (invocation) =>
        (await import('../commands/tape/inventory.js')).inventory(invocation, options),
      ),
    )

  const [status, chooseStatus] = declare('status', 'show what is in the drives, and what they warn of', tape)
  status
    .option(...onTarget)
    .action((options: TapeOptions) =>
      chooseStatus(false, async (invocation) =>
        (await import('../commands/tape/status.js')).status(invocation, options),
      ),
    )

  const [label, chooseLabel] = declare('label', 'write labels to cartridges, so that they can be used', tape)
  label
    .argument('[medium...]', mediumHelp)
    .option(...onTarget)
    .option('--all-blank', 'all in the library that are blank')
    .option('--force', 'also those named that are held or foreign: what they hold is lost')
    .action((media: readonly string[], options: LabelOptions) =>
      chooseLabel(true, async (invocation) =>
        (await import('../commands/tape/overwrite.js')).label(invocation, media, options),
      ),
    )

  const [erase, chooseErase] = declare('erase', 'take away all that a cartridge holds', tape)
  erase
    .argument('<medium>', mediumHelp)
    .option(...onTarget)
    .option('--force', 'also if it is held or foreign: what it holds is lost')
    .action((medium: string, options: EraseOptions) =>
      chooseErase(true, async (invocation) =>
        (await import('../commands/tape/overwrite.js')).erase(invocation, medium, options),
      ),
    )

  const [load, chooseLoad] = declare('load', 'put a cartridge into a drive', tape)
  load
    .argument('<medium>', mediumHelp)
    .option(...onTarget)
    .option('--drive <number>', 'drive, as the inventory counts them (default: that which suits best)', driveNumber)
    .action((medium: string, options: LoadOptions) =>
      chooseLoad(true, async (invocation) =>
        (await import('../commands/tape/carry.js')).load(invocation, medium, options),
      ),
    )

  const [unload, chooseUnload] = declare('unload', 'put the cartridge of a drive back', tape)
  unload
    .argument('<drive>', 'drive, as the inventory counts them', driveNumber)
    .option(...onTarget)
    .action((drive: number, options: TapeOptions) =>
      chooseUnload(true, async (invocation) =>
        (await import('../commands/tape/carry.js')).unload(invocation, drive, options),
      ),
    )

  const [move, chooseMove] = declare('move', 'carry a cartridge to another place', tape)
  move
    .argument('<medium>', `${mediumHelp}, or the place that it lies in`)
    .argument('<place>', 'slot:<number>, mail:<number> or drive:<number>', place)
    .option(...onTarget)
    .action((medium: string, to: ReturnType<typeof place>, options: TapeOptions) =>
      chooseMove(true, async (invocation) =>
        (await import('../commands/tape/carry.js')).move(invocation, medium, to, options),
      ),
    )

  declareAway(declare, tape)
}

function declareAway(declare: Declare, tape: ReturnType<Declare>[0]): void {
  const [catalog, chooseCatalog] = declare('catalog', 'list the sets of media, or read them anew', tape)
  catalog
    .option(...onTarget)
    .option('--rebuild [medium...]', 'make the catalog anew from these cartridges (default: all in the library)')
    .action((options: CatalogOptions) =>
      chooseCatalog(options.rebuild !== undefined, async (invocation) =>
        (await import('../commands/tape/catalog.js')).catalog(invocation, options),
      ),
    )

  const [vault, chooseVault] = declare('vault', 'put cartridges where they can be taken out, and note where to', tape)
  vault
    .argument('<medium...>', mediumHelp)
    .requiredOption('--to <location>', 'where they will be kept, in your words')
    .option(...onTarget)
    .action((media: readonly string[], options: VaultOptions) =>
      chooseVault(true, async (invocation) =>
        (await import('../commands/tape/vault.js')).vault(invocation, media, options),
      ),
    )

  const [recall, chooseRecall] = declare('recall', 'take cartridges in again that were away', tape)
  recall
    .argument('<medium...>', mediumHelp)
    .option(...onTarget)
    .action((media: readonly string[], options: TapeOptions) =>
      chooseRecall(true, async (invocation) =>
        (await import('../commands/tape/vault.js')).recall(invocation, media, options),
      ),
    )
}

function driveNumber(text: string): number {
  const parsed = parsePlace(text.includes(':') ? text : `drive:${text}`)
  if (parsed?.kind === 'drive') return parsed.number
  throw new InvalidArgumentError('Write <number> or drive:<number>, as the inventory does.')
}

function place(text: string) {
  const parsed = parsePlace(text)
  if (parsed !== undefined) return parsed
  throw new InvalidArgumentError(placeHelp)
}
