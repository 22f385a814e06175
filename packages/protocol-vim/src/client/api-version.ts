import { VimError } from '../vim-error.js'
import { memberAt, membersOf, textAt } from '../wire/members.js'
import type { XmlElement } from '../wire/xml-element.js'

/** Versions of the API that this client speaks, the newest first. */
const spoken = ['8.0', '7.0', '6.7', '6.5'] as const

/** Where a server tells which versions it speaks (vSphere Web Services SDK Programming Guide, "API versions"). */
export const versionsPath = '/sdk/vimServiceVersions.xml'

/** Chooses the newest version that both sides speak. @throws VimError `version` */
export function chooseVersion(versions: XmlElement): string {
  const vim = membersOf(versions, 'namespace').find((each) => textAt(each, 'name')?.trim() === 'urn:vim25')
  const prior = membersOf(memberAt(vim, 'priorVersions'), 'version').map(({ text }) => text.trim())
  const offered = [textAt(vim, 'version')?.trim() ?? '', ...prior]
  return commonVersion(offered)
}

/** Chooses by the one version that a server names as its own. @throws VimError `version` */
export function versionFor(apiVersion: string): string {
  const [major = 0, minor = 0] = apiVersion.split('.').map(Number)
  const isOld = (version: string) => {
    const [ofMajor = 0, ofMinor = 0] = version.split('.').map(Number)
    return ofMajor < major || (ofMajor === major && ofMinor <= minor)
  }
  return commonVersion(spoken.filter(isOld), apiVersion)
}

function commonVersion(offered: readonly string[], own = offered[0] ?? ''): string {
  const common = spoken.find((version) => offered.some((each) => each === version || each.startsWith(`${version}.`)))
  if (common !== undefined) return common
  throw new VimError(
    'version',
    `The server speaks version ${own} of the API; this client speaks ${spoken.join(', ')}.`,
    {
      hint: 'vSphere 6.5 is the oldest that is served.',
    },
  )
}
