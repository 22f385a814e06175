import type { Pdu } from '../wire/header.js'
import type { Channel } from './channel.js'

/** A PDU on its way. */
export interface Outgoing {
  readonly pdu: Pdu
  readonly onFlushed?: () => void
}

/** Makes PDUs at the moment when they are sent, so that their numbers are right. */
export type Sender = () => Outgoing | undefined

/** What waits to be sent: requests beside commands first, then data that was permitted, then commands. */
export interface Outbox {
  readonly addUrgent: (make: () => Pdu) => void
  /** Adds data; it is asked for PDUs until it has no more. Order is kept. */
  readonly addData: (next: Sender) => void
  /** Sends what there is room for; goes on by itself when there is more room. */
  readonly pump: () => void
  readonly urgentCount: () => number
}

/** No more is given to the socket beyond that; what waits there costs headers only, but cannot be taken back. */
const enoughBytes = 2 ** 20

/** Makes an outbox; it asks for commands when nothing else waits. */
export function createOutbox(channel: Channel, nextCommand: Sender): Outbox {
  const urgent: (() => Pdu)[] = []
  const data: Sender[] = []

  function next(): Outgoing | undefined {
    const request = urgent.shift()
    if (request !== undefined) return { pdu: request() }
    for (let first = data[0]; first !== undefined; first = data[0]) {
      const outgoing = first()
      if (outgoing !== undefined) return outgoing
      data.shift()
    }
    return nextCommand()
  }

  function pump(): void {
    if (channel.waitingBytes() >= enoughBytes) return
    channel.together(() => {
      while (channel.waitingBytes() < enoughBytes) {
        const outgoing = next()
        if (outgoing === undefined) return
        channel.send(outgoing.pdu, () => {
          outgoing.onFlushed?.()
          pump()
        })
      }
    })
  }

  return {
    addUrgent: (make) => urgent.push(make),
    addData: (sender) => data.push(sender),
    pump,
    urgentCount: () => urgent.length,
  }
}
