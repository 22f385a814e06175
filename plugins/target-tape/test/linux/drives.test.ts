import { describeDrive, describeDriveAtItsEnd } from '../drive-table.js'
import { sgSite, stSite } from './sites.js'

const ways = [
  ['by the standards', {}],
  ['without LOCATE', { supports: { locate: false } }],
  ['as tgtd is', { quirks: ['tgtd'] }],
] as const

for (const [way, options] of ways) {
  describeDrive(`a drive behind sg that behaves ${way}`, (others) => sgSite({ ...options, ...others }))
}
describeDriveAtItsEnd('a drive behind sg', sgSite)

// The driver itself takes the ends of tgtd's tapes for data.
describeDrive('a drive behind st', stSite)
describeDrive('a drive behind st with sense data of the new format', (others) =>
  stSite({ senseFormat: 'descriptor', ...others }),
)
describeDriveAtItsEnd('a drive behind st', stSite)
