import type { ChangeToken } from '@holdfast/core'

const prefix = 'vmware1:'

/** Makes the token of a disk's change id, such as `52 3d … 9a/12`. */
export function changeToken(changeId: string): ChangeToken {
  return `${prefix}${changeId}` as ChangeToken
}

/** Reads a token; undefined when it is not of this source. */
export function readChangeToken(token: ChangeToken): string | undefined {
  return token.startsWith(prefix) && token.includes('/') ? token.slice(prefix.length) : undefined
}

/** The part of a change id that is the same for as long as a disk is tracked without a break. */
export function trackingOf(changeId: string): string {
  return changeId.slice(0, changeId.lastIndexOf('/'))
}
