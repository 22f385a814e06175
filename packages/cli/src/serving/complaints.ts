import { isBackupError } from '@holdfast/core'
import type { NbdError, NbdPeer } from '@holdfast/protocol-nbd'
import type { Output } from '../output.js'

/** Distinct complaints that are printed: clients ask for what failed again and again. */
const mostComplaints = 1000

/** Makes the hook that prints what goes wrong for clients, each thing once. */
export function complaints({ logger }: Output): (error: NbdError, peer: NbdPeer) => void {
  const told = new Set<string>()
  return (error, { address }) => {
    const text = complaintOf(error, address)
    if (told.has(text) || told.size >= mostComplaints) return
    told.add(text)
    logger.warn(text)
  }
}

/** What went wrong for a client: what is behind it, when that is ours. */
function complaintOf(error: NbdError, address: string | undefined): string {
  const { cause } = error
  if (!isBackupError(cause)) return `${address ?? 'a client'}: ${error.message}`
  return cause.hint === undefined ? cause.message : `${cause.message} ${cause.hint}`
}
