import type { Invocation, Outcome } from '../../invocation.js'
import { withLibrary } from '../../library-access.js'
import { placeName } from '../../place-name.js'
import { renderTable } from '../../render/table.js'
import type { TapeOptions } from './each-medium.js'

/** Tells what is in the drives, and what they warn of. */
export function status(invocation: Invocation, { target: wanted }: TapeOptions): Promise<Outcome> {
  const { output, signal } = invocation
  return withLibrary(invocation, wanted, async ({ target, library }) => {
    const drives = (await library.drives({ signal })).map(({ number, name, medium, alerts }) => ({
      place: placeName({ kind: 'drive', number }),
      name,
      ...(medium !== undefined && { medium }),
      alerts,
    }))
    output.document({ target, drives })
    const columns = [{ heading: 'drive' }, { heading: 'name' }, { heading: 'medium' }, { heading: 'alerts' }]
    const rows = drives.map(({ place, name, medium = '', alerts }) => [
      place,
      name,
      medium,
      alerts.join('; ') || 'none',
    ])
    for (const line of renderTable(columns, rows, output.colors.bold)) output.line(line)
    for (const { place, alerts } of drives) for (const alert of alerts) output.warning(`${place}: ${alert}`)
    return { exitCode: 0 }
  })
}
