import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface CoordinationRequest {
  join?: Join
  landed: Landed[]
  willing?: boolean
  release: number[]
  pauseMs?: number
  claim?: boolean
  working?: boolean
  wanted: number[]
}

export namespace CoordinationRequest {
  let _codec: Codec<CoordinationRequest>

  export const codec = (): Codec<CoordinationRequest> => {
    if (_codec == null) {
      _codec = message<CoordinationRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.join != null) {
          w.uint32(10)
          Join.codec().encode(obj.join, w)
        }

        if (obj.landed != null && obj.landed.length > 0) {
          for (const value of obj.landed) {
            w.uint32(18)
            Landed.codec().encode(value, w)
          }
        }

        if (obj.willing != null) {
          w.uint32(24)
          w.bool(obj.willing)
        }

        if (obj.release != null && obj.release.length > 0) {
          for (const value of obj.release) {
            w.uint32(32)
            w.uint32(value)
          }
        }

        if (obj.pauseMs != null) {
          w.uint32(40)
          w.uint32(obj.pauseMs)
        }

        if (obj.claim != null) {
          w.uint32(48)
          w.bool(obj.claim)
        }

        if (obj.working != null) {
          w.uint32(56)
          w.bool(obj.working)
        }

        if (obj.wanted != null && obj.wanted.length > 0) {
          for (const value of obj.wanted) {
            w.uint32(64)
            w.uint32(value)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          landed: [],
          release: [],
          wanted: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.join = Join.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.join
              })
              break
            }
            case 2: {
              if (opts.limits?.landed != null && obj.landed.length === opts.limits.landed) {
                throw new MaxLengthError('Decode error - repeated field "landed" had too many elements')
              }

              obj.landed.push(Landed.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.landed$
              }))
              break
            }
            case 3: {
              obj.willing = reader.bool()
              break
            }
            case 4: {
              if (opts.limits?.release != null && obj.release.length === opts.limits.release) {
                throw new MaxLengthError('Decode error - repeated field "release" had too many elements')
              }

              obj.release.push(reader.uint32())
              break
            }
            case 5: {
              obj.pauseMs = reader.uint32()
              break
            }
            case 6: {
              obj.claim = reader.bool()
              break
            }
            case 7: {
              obj.working = reader.bool()
              break
            }
            case 8: {
              if (opts.limits?.wanted != null && obj.wanted.length === opts.limits.wanted) {
                throw new MaxLengthError('Decode error - repeated field "wanted" had too many elements')
              }

              obj.wanted.push(reader.uint32())
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          landed: 0,
          release: 0,
          wanted: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * Join.codec().stream(reader, reader.uint32(), `${prefix}.join`, {
                limits: opts.limits?.join
              })

              break
            }
            case 2: {
              if (opts.limits?.landed != null && obj.landed === opts.limits.landed) {
                throw new MaxLengthError('Streaming decode error - repeated field "landed" had too many elements')
              }

              for (const evt of Landed.codec().stream(reader, reader.uint32(), `${prefix}.landed[]`, {
                limits: opts.limits?.landed$
              })) {
                yield {
                  ...evt,
                  index: obj.landed
                }
              }

              obj.landed++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.willing`,
                value: reader.bool()
              }
              break
            }
            case 4: {
              if (opts.limits?.release != null && obj.release === opts.limits.release) {
                throw new MaxLengthError('Streaming decode error - repeated field "release" had too many elements')
              }

              yield {
                field: `${prefix}.release[]`,
                index: obj.release,
                value: reader.uint32()
              }

              obj.release++

              break
            }
            case 5: {
              yield {
                field: `${prefix}.pauseMs`,
                value: reader.uint32()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.claim`,
                value: reader.bool()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.working`,
                value: reader.bool()
              }
              break
            }
            case 8: {
              if (opts.limits?.wanted != null && obj.wanted === opts.limits.wanted) {
                throw new MaxLengthError('Streaming decode error - repeated field "wanted" had too many elements')
              }

              yield {
                field: `${prefix}.wanted[]`,
                index: obj.wanted,
                value: reader.uint32()
              }

              obj.wanted++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface CoordinationRequestJoinDigestFieldEvent {
    field: '$.join.digest'
    value: string
  }

  export interface CoordinationRequestJoinChunksFieldEvent {
    field: '$.join.chunks'
    value: Uint8Array<ArrayBuffer>
  }

  export interface CoordinationRequestJoinSizeFieldEvent {
    field: '$.join.size'
    value: bigint
  }

  export interface CoordinationRequestJoinLeasedStartFieldEvent {
    field: '$.join.leased[].start'
    value: number
    index: number
  }

  export interface CoordinationRequestJoinLeasedEndFieldEvent {
    field: '$.join.leased[].end'
    value: number
    index: number
  }

  export interface CoordinationRequestJoinAddressesFieldEvent {
    field: '$.join.addresses[]'
    index: number
    value: string
  }

  export interface CoordinationRequestJoinZoneFieldEvent {
    field: '$.join.zone'
    value: string
  }

  export interface CoordinationRequestJoinRegistryFieldEvent {
    field: '$.join.registry'
    value: string
  }

  export interface CoordinationRequestLandedIndexFieldEvent {
    field: '$.landed[].index'
    value: number
    index: number
  }

  export interface CoordinationRequestLandedHashFieldEvent {
    field: '$.landed[].hash'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface CoordinationRequestWillingFieldEvent {
    field: '$.willing'
    value: boolean
  }

  export interface CoordinationRequestReleaseFieldEvent {
    field: '$.release[]'
    index: number
    value: number
  }

  export interface CoordinationRequestPauseMsFieldEvent {
    field: '$.pauseMs'
    value: number
  }

  export interface CoordinationRequestClaimFieldEvent {
    field: '$.claim'
    value: boolean
  }

  export interface CoordinationRequestWorkingFieldEvent {
    field: '$.working'
    value: boolean
  }

  export interface CoordinationRequestWantedFieldEvent {
    field: '$.wanted[]'
    index: number
    value: number
  }

  export function encode (obj: Partial<CoordinationRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, CoordinationRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CoordinationRequest>): CoordinationRequest {
    return decodeMessage(buf, CoordinationRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CoordinationRequest>): Generator<CoordinationRequestJoinDigestFieldEvent | CoordinationRequestJoinChunksFieldEvent | CoordinationRequestJoinSizeFieldEvent | CoordinationRequestJoinLeasedStartFieldEvent | CoordinationRequestJoinLeasedEndFieldEvent | CoordinationRequestJoinAddressesFieldEvent | CoordinationRequestJoinZoneFieldEvent | CoordinationRequestJoinRegistryFieldEvent | CoordinationRequestLandedIndexFieldEvent | CoordinationRequestLandedHashFieldEvent | CoordinationRequestWillingFieldEvent | CoordinationRequestReleaseFieldEvent | CoordinationRequestPauseMsFieldEvent | CoordinationRequestClaimFieldEvent | CoordinationRequestWorkingFieldEvent | CoordinationRequestWantedFieldEvent> {
    return streamMessage(buf, CoordinationRequest.codec(), opts)
  }
}

export interface Join {
  digest: string
  chunks: Uint8Array<ArrayBuffer>
  size: bigint
  leased: Run[]
  addresses: string[]
  zone?: string
  registry?: string
}

export namespace Join {
  let _codec: Codec<Join>

  export const codec = (): Codec<Join> => {
    if (_codec == null) {
      _codec = message<Join>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.digest != null && obj.digest !== '')) {
          w.uint32(10)
          w.string(obj.digest)
        }

        if ((obj.chunks != null && obj.chunks.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.chunks)
        }

        if ((obj.size != null && obj.size !== 0n)) {
          w.uint32(24)
          w.uint64(obj.size)
        }

        if (obj.leased != null && obj.leased.length > 0) {
          for (const value of obj.leased) {
            w.uint32(42)
            Run.codec().encode(value, w)
          }
        }

        if (obj.addresses != null && obj.addresses.length > 0) {
          for (const value of obj.addresses) {
            w.uint32(34)
            w.string(value)
          }
        }

        if (obj.zone != null) {
          w.uint32(50)
          w.string(obj.zone)
        }

        if (obj.registry != null) {
          w.uint32(58)
          w.string(obj.registry)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          digest: '',
          chunks: uint8ArrayAlloc(0),
          size: 0n,
          leased: [],
          addresses: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.digest = reader.string()
              break
            }
            case 2: {
              obj.chunks = reader.bytes()
              break
            }
            case 3: {
              obj.size = reader.uint64()
              break
            }
            case 5: {
              if (opts.limits?.leased != null && obj.leased.length === opts.limits.leased) {
                throw new MaxLengthError('Decode error - repeated field "leased" had too many elements')
              }

              obj.leased.push(Run.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.leased$
              }))
              break
            }
            case 4: {
              if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements')
              }

              obj.addresses.push(reader.string())
              break
            }
            case 6: {
              obj.zone = reader.string()
              break
            }
            case 7: {
              obj.registry = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          leased: 0,
          addresses: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.digest`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.chunks`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.size`,
                value: reader.uint64()
              }
              break
            }
            case 5: {
              if (opts.limits?.leased != null && obj.leased === opts.limits.leased) {
                throw new MaxLengthError('Streaming decode error - repeated field "leased" had too many elements')
              }

              for (const evt of Run.codec().stream(reader, reader.uint32(), `${prefix}.leased[]`, {
                limits: opts.limits?.leased$
              })) {
                yield {
                  ...evt,
                  index: obj.leased
                }
              }

              obj.leased++

              break
            }
            case 4: {
              if (opts.limits?.addresses != null && obj.addresses === opts.limits.addresses) {
                throw new MaxLengthError('Streaming decode error - repeated field "addresses" had too many elements')
              }

              yield {
                field: `${prefix}.addresses[]`,
                index: obj.addresses,
                value: reader.string()
              }

              obj.addresses++

              break
            }
            case 6: {
              yield {
                field: `${prefix}.zone`,
                value: reader.string()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.registry`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface JoinDigestFieldEvent {
    field: '$.digest'
    value: string
  }

  export interface JoinChunksFieldEvent {
    field: '$.chunks'
    value: Uint8Array<ArrayBuffer>
  }

  export interface JoinSizeFieldEvent {
    field: '$.size'
    value: bigint
  }

  export interface JoinLeasedStartFieldEvent {
    field: '$.leased[].start'
    value: number
    index: number
  }

  export interface JoinLeasedEndFieldEvent {
    field: '$.leased[].end'
    value: number
    index: number
  }

  export interface JoinAddressesFieldEvent {
    field: '$.addresses[]'
    index: number
    value: string
  }

  export interface JoinZoneFieldEvent {
    field: '$.zone'
    value: string
  }

  export interface JoinRegistryFieldEvent {
    field: '$.registry'
    value: string
  }

  export function encode (obj: Partial<Join>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Join.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Join>): Join {
    return decodeMessage(buf, Join.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Join>): Generator<JoinDigestFieldEvent | JoinChunksFieldEvent | JoinSizeFieldEvent | JoinLeasedStartFieldEvent | JoinLeasedEndFieldEvent | JoinAddressesFieldEvent | JoinZoneFieldEvent | JoinRegistryFieldEvent> {
    return streamMessage(buf, Join.codec(), opts)
  }
}

export interface Landed {
  index: number
  hash?: Uint8Array<ArrayBuffer>
}

export namespace Landed {
  let _codec: Codec<Landed>

  export const codec = (): Codec<Landed> => {
    if (_codec == null) {
      _codec = message<Landed>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.index != null && obj.index !== 0)) {
          w.uint32(8)
          w.uint32(obj.index)
        }

        if (obj.hash != null) {
          w.uint32(18)
          w.bytes(obj.hash)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          index: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.index = reader.uint32()
              break
            }
            case 2: {
              obj.hash = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.index`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.hash`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface LandedIndexFieldEvent {
    field: '$.index'
    value: number
  }

  export interface LandedHashFieldEvent {
    field: '$.hash'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Landed>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Landed.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Landed>): Landed {
    return decodeMessage(buf, Landed.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Landed>): Generator<LandedIndexFieldEvent | LandedHashFieldEvent> {
    return streamMessage(buf, Landed.codec(), opts)
  }
}

export interface CoordinationReply {
  neighbours: Neighbour[]
  lease: Run[]
  revoke: Run[]
  vouched: Vouched[]
  refused?: string
  newsIntervalMs?: number
  farShare?: FarShare
}

export namespace CoordinationReply {
  let _codec: Codec<CoordinationReply>

  export const codec = (): Codec<CoordinationReply> => {
    if (_codec == null) {
      _codec = message<CoordinationReply>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.neighbours != null && obj.neighbours.length > 0) {
          for (const value of obj.neighbours) {
            w.uint32(10)
            Neighbour.codec().encode(value, w)
          }
        }

        if (obj.lease != null && obj.lease.length > 0) {
          for (const value of obj.lease) {
            w.uint32(18)
            Run.codec().encode(value, w)
          }
        }

        if (obj.revoke != null && obj.revoke.length > 0) {
          for (const value of obj.revoke) {
            w.uint32(26)
            Run.codec().encode(value, w)
          }
        }

        if (obj.vouched != null && obj.vouched.length > 0) {
          for (const value of obj.vouched) {
            w.uint32(34)
            Vouched.codec().encode(value, w)
          }
        }

        if (obj.refused != null) {
          w.uint32(42)
          w.string(obj.refused)
        }

        if (obj.newsIntervalMs != null) {
          w.uint32(48)
          w.uint32(obj.newsIntervalMs)
        }

        if (obj.farShare != null) {
          w.uint32(58)
          FarShare.codec().encode(obj.farShare, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          neighbours: [],
          lease: [],
          revoke: [],
          vouched: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.neighbours != null && obj.neighbours.length === opts.limits.neighbours) {
                throw new MaxLengthError('Decode error - repeated field "neighbours" had too many elements')
              }

              obj.neighbours.push(Neighbour.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.neighbours$
              }))
              break
            }
            case 2: {
              if (opts.limits?.lease != null && obj.lease.length === opts.limits.lease) {
                throw new MaxLengthError('Decode error - repeated field "lease" had too many elements')
              }

              obj.lease.push(Run.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.lease$
              }))
              break
            }
            case 3: {
              if (opts.limits?.revoke != null && obj.revoke.length === opts.limits.revoke) {
                throw new MaxLengthError('Decode error - repeated field "revoke" had too many elements')
              }

              obj.revoke.push(Run.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.revoke$
              }))
              break
            }
            case 4: {
              if (opts.limits?.vouched != null && obj.vouched.length === opts.limits.vouched) {
                throw new MaxLengthError('Decode error - repeated field "vouched" had too many elements')
              }

              obj.vouched.push(Vouched.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.vouched$
              }))
              break
            }
            case 5: {
              obj.refused = reader.string()
              break
            }
            case 6: {
              obj.newsIntervalMs = reader.uint32()
              break
            }
            case 7: {
              obj.farShare = FarShare.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.farShare
              })
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          neighbours: 0,
          lease: 0,
          revoke: 0,
          vouched: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.neighbours != null && obj.neighbours === opts.limits.neighbours) {
                throw new MaxLengthError('Streaming decode error - repeated field "neighbours" had too many elements')
              }

              for (const evt of Neighbour.codec().stream(reader, reader.uint32(), `${prefix}.neighbours[]`, {
                limits: opts.limits?.neighbours$
              })) {
                yield {
                  ...evt,
                  index: obj.neighbours
                }
              }

              obj.neighbours++

              break
            }
            case 2: {
              if (opts.limits?.lease != null && obj.lease === opts.limits.lease) {
                throw new MaxLengthError('Streaming decode error - repeated field "lease" had too many elements')
              }

              for (const evt of Run.codec().stream(reader, reader.uint32(), `${prefix}.lease[]`, {
                limits: opts.limits?.lease$
              })) {
                yield {
                  ...evt,
                  index: obj.lease
                }
              }

              obj.lease++

              break
            }
            case 3: {
              if (opts.limits?.revoke != null && obj.revoke === opts.limits.revoke) {
                throw new MaxLengthError('Streaming decode error - repeated field "revoke" had too many elements')
              }

              for (const evt of Run.codec().stream(reader, reader.uint32(), `${prefix}.revoke[]`, {
                limits: opts.limits?.revoke$
              })) {
                yield {
                  ...evt,
                  index: obj.revoke
                }
              }

              obj.revoke++

              break
            }
            case 4: {
              if (opts.limits?.vouched != null && obj.vouched === opts.limits.vouched) {
                throw new MaxLengthError('Streaming decode error - repeated field "vouched" had too many elements')
              }

              for (const evt of Vouched.codec().stream(reader, reader.uint32(), `${prefix}.vouched[]`, {
                limits: opts.limits?.vouched$
              })) {
                yield {
                  ...evt,
                  index: obj.vouched
                }
              }

              obj.vouched++

              break
            }
            case 5: {
              yield {
                field: `${prefix}.refused`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.newsIntervalMs`,
                value: reader.uint32()
              }
              break
            }
            case 7: {
              yield * FarShare.codec().stream(reader, reader.uint32(), `${prefix}.farShare`, {
                limits: opts.limits?.farShare
              })

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface CoordinationReplyNeighboursPeerFieldEvent {
    field: '$.neighbours[].peer'
    value: string
    index: number
  }

  export interface CoordinationReplyNeighboursAddressesFieldEvent {
    field: '$.neighbours[].addresses[]'
    index: number
    value: string
  }

  export interface CoordinationReplyNeighboursCompleteFieldEvent {
    field: '$.neighbours[].complete'
    value: boolean
    index: number
  }

  export interface CoordinationReplyLeaseStartFieldEvent {
    field: '$.lease[].start'
    value: number
    index: number
  }

  export interface CoordinationReplyLeaseEndFieldEvent {
    field: '$.lease[].end'
    value: number
    index: number
  }

  export interface CoordinationReplyRevokeStartFieldEvent {
    field: '$.revoke[].start'
    value: number
    index: number
  }

  export interface CoordinationReplyRevokeEndFieldEvent {
    field: '$.revoke[].end'
    value: number
    index: number
  }

  export interface CoordinationReplyVouchedVoucherFieldEvent {
    field: '$.vouched[].voucher'
    value: string
    index: number
  }

  export interface CoordinationReplyVouchedIndexesFieldEvent {
    field: '$.vouched[].indexes[]'
    index: number
    value: number
  }

  export interface CoordinationReplyVouchedHashesFieldEvent {
    field: '$.vouched[].hashes'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface CoordinationReplyRefusedFieldEvent {
    field: '$.refused'
    value: string
  }

  export interface CoordinationReplyNewsIntervalMsFieldEvent {
    field: '$.newsIntervalMs'
    value: number
  }

  export interface CoordinationReplyFarShareRankFieldEvent {
    field: '$.farShare.rank'
    value: number
  }

  export interface CoordinationReplyFarShareOfFieldEvent {
    field: '$.farShare.of'
    value: number
  }

  export function encode (obj: Partial<CoordinationReply>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, CoordinationReply.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CoordinationReply>): CoordinationReply {
    return decodeMessage(buf, CoordinationReply.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CoordinationReply>): Generator<CoordinationReplyNeighboursPeerFieldEvent | CoordinationReplyNeighboursAddressesFieldEvent | CoordinationReplyNeighboursCompleteFieldEvent | CoordinationReplyLeaseStartFieldEvent | CoordinationReplyLeaseEndFieldEvent | CoordinationReplyRevokeStartFieldEvent | CoordinationReplyRevokeEndFieldEvent | CoordinationReplyVouchedVoucherFieldEvent | CoordinationReplyVouchedIndexesFieldEvent | CoordinationReplyVouchedHashesFieldEvent | CoordinationReplyRefusedFieldEvent | CoordinationReplyNewsIntervalMsFieldEvent | CoordinationReplyFarShareRankFieldEvent | CoordinationReplyFarShareOfFieldEvent> {
    return streamMessage(buf, CoordinationReply.codec(), opts)
  }
}

export interface FarShare {
  rank: number
  of: number
}

export namespace FarShare {
  let _codec: Codec<FarShare>

  export const codec = (): Codec<FarShare> => {
    if (_codec == null) {
      _codec = message<FarShare>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.rank != null && obj.rank !== 0)) {
          w.uint32(8)
          w.uint32(obj.rank)
        }

        if ((obj.of != null && obj.of !== 0)) {
          w.uint32(16)
          w.uint32(obj.of)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          rank: 0,
          of: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.rank = reader.uint32()
              break
            }
            case 2: {
              obj.of = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.rank`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.of`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface FarShareRankFieldEvent {
    field: '$.rank'
    value: number
  }

  export interface FarShareOfFieldEvent {
    field: '$.of'
    value: number
  }

  export function encode (obj: Partial<FarShare>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, FarShare.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FarShare>): FarShare {
    return decodeMessage(buf, FarShare.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FarShare>): Generator<FarShareRankFieldEvent | FarShareOfFieldEvent> {
    return streamMessage(buf, FarShare.codec(), opts)
  }
}

export interface Neighbour {
  peer: string
  addresses: string[]
  complete?: boolean
}

export namespace Neighbour {
  let _codec: Codec<Neighbour>

  export const codec = (): Codec<Neighbour> => {
    if (_codec == null) {
      _codec = message<Neighbour>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.peer != null && obj.peer !== '')) {
          w.uint32(10)
          w.string(obj.peer)
        }

        if (obj.addresses != null && obj.addresses.length > 0) {
          for (const value of obj.addresses) {
            w.uint32(18)
            w.string(value)
          }
        }

        if (obj.complete != null) {
          w.uint32(24)
          w.bool(obj.complete)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          peer: '',
          addresses: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.peer = reader.string()
              break
            }
            case 2: {
              if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements')
              }

              obj.addresses.push(reader.string())
              break
            }
            case 3: {
              obj.complete = reader.bool()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          addresses: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.peer`,
                value: reader.string()
              }
              break
            }
            case 2: {
              if (opts.limits?.addresses != null && obj.addresses === opts.limits.addresses) {
                throw new MaxLengthError('Streaming decode error - repeated field "addresses" had too many elements')
              }

              yield {
                field: `${prefix}.addresses[]`,
                index: obj.addresses,
                value: reader.string()
              }

              obj.addresses++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.complete`,
                value: reader.bool()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface NeighbourPeerFieldEvent {
    field: '$.peer'
    value: string
  }

  export interface NeighbourAddressesFieldEvent {
    field: '$.addresses[]'
    index: number
    value: string
  }

  export interface NeighbourCompleteFieldEvent {
    field: '$.complete'
    value: boolean
  }

  export function encode (obj: Partial<Neighbour>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Neighbour.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Neighbour>): Neighbour {
    return decodeMessage(buf, Neighbour.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Neighbour>): Generator<NeighbourPeerFieldEvent | NeighbourAddressesFieldEvent | NeighbourCompleteFieldEvent> {
    return streamMessage(buf, Neighbour.codec(), opts)
  }
}

export interface Run {
  start: number
  end: number
}

export namespace Run {
  let _codec: Codec<Run>

  export const codec = (): Codec<Run> => {
    if (_codec == null) {
      _codec = message<Run>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.start != null && obj.start !== 0)) {
          w.uint32(8)
          w.uint32(obj.start)
        }

        if ((obj.end != null && obj.end !== 0)) {
          w.uint32(16)
          w.uint32(obj.end)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          start: 0,
          end: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.start = reader.uint32()
              break
            }
            case 2: {
              obj.end = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.start`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.end`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface RunStartFieldEvent {
    field: '$.start'
    value: number
  }

  export interface RunEndFieldEvent {
    field: '$.end'
    value: number
  }

  export function encode (obj: Partial<Run>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Run.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Run>): Run {
    return decodeMessage(buf, Run.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Run>): Generator<RunStartFieldEvent | RunEndFieldEvent> {
    return streamMessage(buf, Run.codec(), opts)
  }
}

export interface Vouched {
  voucher: string
  indexes: number[]
  hashes: Uint8Array<ArrayBuffer>
}

export namespace Vouched {
  let _codec: Codec<Vouched>

  export const codec = (): Codec<Vouched> => {
    if (_codec == null) {
      _codec = message<Vouched>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.voucher != null && obj.voucher !== '')) {
          w.uint32(10)
          w.string(obj.voucher)
        }

        if (obj.indexes != null && obj.indexes.length > 0) {
          for (const value of obj.indexes) {
            w.uint32(16)
            w.uint32(value)
          }
        }

        if ((obj.hashes != null && obj.hashes.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.hashes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          voucher: '',
          indexes: [],
          hashes: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.voucher = reader.string()
              break
            }
            case 2: {
              if (opts.limits?.indexes != null && obj.indexes.length === opts.limits.indexes) {
                throw new MaxLengthError('Decode error - repeated field "indexes" had too many elements')
              }

              obj.indexes.push(reader.uint32())
              break
            }
            case 3: {
              obj.hashes = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          indexes: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.voucher`,
                value: reader.string()
              }
              break
            }
            case 2: {
              if (opts.limits?.indexes != null && obj.indexes === opts.limits.indexes) {
                throw new MaxLengthError('Streaming decode error - repeated field "indexes" had too many elements')
              }

              yield {
                field: `${prefix}.indexes[]`,
                index: obj.indexes,
                value: reader.uint32()
              }

              obj.indexes++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.hashes`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface VouchedVoucherFieldEvent {
    field: '$.voucher'
    value: string
  }

  export interface VouchedIndexesFieldEvent {
    field: '$.indexes[]'
    index: number
    value: number
  }

  export interface VouchedHashesFieldEvent {
    field: '$.hashes'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Vouched>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Vouched.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Vouched>): Vouched {
    return decodeMessage(buf, Vouched.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Vouched>): Generator<VouchedVoucherFieldEvent | VouchedIndexesFieldEvent | VouchedHashesFieldEvent> {
    return streamMessage(buf, Vouched.codec(), opts)
  }
}
