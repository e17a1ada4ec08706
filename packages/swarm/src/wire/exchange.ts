import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface ExchangeRequest {
  open?: string
  want: number[]
  cancel: number[]
  decline?: boolean
  sources?: number
  zone?: string
  registry?: string
  acknowledges?: boolean
  received?: number
}

export namespace ExchangeRequest {
  let _codec: Codec<ExchangeRequest>

  export const codec = (): Codec<ExchangeRequest> => {
    if (_codec == null) {
      _codec = message<ExchangeRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.open != null) {
          w.uint32(10)
          w.string(obj.open)
        }

        if (obj.want != null && obj.want.length > 0) {
          for (const value of obj.want) {
            w.uint32(16)
            w.uint32(value)
          }
        }

        if (obj.cancel != null && obj.cancel.length > 0) {
          for (const value of obj.cancel) {
            w.uint32(24)
            w.uint32(value)
          }
        }

        if (obj.decline != null) {
          w.uint32(32)
          w.bool(obj.decline)
        }

        if (obj.sources != null) {
          w.uint32(40)
          w.uint32(obj.sources)
        }

        if (obj.zone != null) {
          w.uint32(50)
          w.string(obj.zone)
        }

        if (obj.registry != null) {
          w.uint32(58)
          w.string(obj.registry)
        }

        if (obj.acknowledges != null) {
          w.uint32(64)
          w.bool(obj.acknowledges)
        }

        if (obj.received != null) {
          w.uint32(72)
          w.uint32(obj.received)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          want: [],
          cancel: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.open = reader.string()
              break
            }
            case 2: {
              if (opts.limits?.want != null && obj.want.length === opts.limits.want) {
                throw new MaxLengthError('Decode error - repeated field "want" had too many elements')
              }

              obj.want.push(reader.uint32())
              break
            }
            case 3: {
              if (opts.limits?.cancel != null && obj.cancel.length === opts.limits.cancel) {
                throw new MaxLengthError('Decode error - repeated field "cancel" had too many elements')
              }

              obj.cancel.push(reader.uint32())
              break
            }
            case 4: {
              obj.decline = reader.bool()
              break
            }
            case 5: {
              obj.sources = reader.uint32()
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
            case 8: {
              obj.acknowledges = reader.bool()
              break
            }
            case 9: {
              obj.received = reader.uint32()
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
          want: 0,
          cancel: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.open`,
                value: reader.string()
              }
              break
            }
            case 2: {
              if (opts.limits?.want != null && obj.want === opts.limits.want) {
                throw new MaxLengthError('Streaming decode error - repeated field "want" had too many elements')
              }

              yield {
                field: `${prefix}.want[]`,
                index: obj.want,
                value: reader.uint32()
              }

              obj.want++

              break
            }
            case 3: {
              if (opts.limits?.cancel != null && obj.cancel === opts.limits.cancel) {
                throw new MaxLengthError('Streaming decode error - repeated field "cancel" had too many elements')
              }

              yield {
                field: `${prefix}.cancel[]`,
                index: obj.cancel,
                value: reader.uint32()
              }

              obj.cancel++

              break
            }
            case 4: {
              yield {
                field: `${prefix}.decline`,
                value: reader.bool()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.sources`,
                value: reader.uint32()
              }
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
            case 8: {
              yield {
                field: `${prefix}.acknowledges`,
                value: reader.bool()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.received`,
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

  export interface ExchangeRequestOpenFieldEvent {
    field: '$.open'
    value: string
  }

  export interface ExchangeRequestWantFieldEvent {
    field: '$.want[]'
    index: number
    value: number
  }

  export interface ExchangeRequestCancelFieldEvent {
    field: '$.cancel[]'
    index: number
    value: number
  }

  export interface ExchangeRequestDeclineFieldEvent {
    field: '$.decline'
    value: boolean
  }

  export interface ExchangeRequestSourcesFieldEvent {
    field: '$.sources'
    value: number
  }

  export interface ExchangeRequestZoneFieldEvent {
    field: '$.zone'
    value: string
  }

  export interface ExchangeRequestRegistryFieldEvent {
    field: '$.registry'
    value: string
  }

  export interface ExchangeRequestAcknowledgesFieldEvent {
    field: '$.acknowledges'
    value: boolean
  }

  export interface ExchangeRequestReceivedFieldEvent {
    field: '$.received'
    value: number
  }

  export function encode (obj: Partial<ExchangeRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ExchangeRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ExchangeRequest>): ExchangeRequest {
    return decodeMessage(buf, ExchangeRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ExchangeRequest>): Generator<ExchangeRequestOpenFieldEvent | ExchangeRequestWantFieldEvent | ExchangeRequestCancelFieldEvent | ExchangeRequestDeclineFieldEvent | ExchangeRequestSourcesFieldEvent | ExchangeRequestZoneFieldEvent | ExchangeRequestRegistryFieldEvent | ExchangeRequestAcknowledgesFieldEvent | ExchangeRequestReceivedFieldEvent> {
    return streamMessage(buf, ExchangeRequest.codec(), opts)
  }
}

export interface ExchangeReply {
  holding?: Holding
  have: number[]
  refused: number[]
  chunk?: ChunkHeader
  busy: number[]
  inLine?: boolean
  granted?: boolean
}

export namespace ExchangeReply {
  let _codec: Codec<ExchangeReply>

  export const codec = (): Codec<ExchangeReply> => {
    if (_codec == null) {
      _codec = message<ExchangeReply>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.holding != null) {
          w.uint32(10)
          Holding.codec().encode(obj.holding, w)
        }

        if (obj.have != null && obj.have.length > 0) {
          for (const value of obj.have) {
            w.uint32(16)
            w.uint32(value)
          }
        }

        if (obj.refused != null && obj.refused.length > 0) {
          for (const value of obj.refused) {
            w.uint32(24)
            w.uint32(value)
          }
        }

        if (obj.chunk != null) {
          w.uint32(34)
          ChunkHeader.codec().encode(obj.chunk, w)
        }

        if (obj.busy != null && obj.busy.length > 0) {
          for (const value of obj.busy) {
            w.uint32(40)
            w.uint32(value)
          }
        }

        if (obj.inLine != null) {
          w.uint32(48)
          w.bool(obj.inLine)
        }

        if (obj.granted != null) {
          w.uint32(56)
          w.bool(obj.granted)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          have: [],
          refused: [],
          busy: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.holding = Holding.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.holding
              })
              break
            }
            case 2: {
              if (opts.limits?.have != null && obj.have.length === opts.limits.have) {
                throw new MaxLengthError('Decode error - repeated field "have" had too many elements')
              }

              obj.have.push(reader.uint32())
              break
            }
            case 3: {
              if (opts.limits?.refused != null && obj.refused.length === opts.limits.refused) {
                throw new MaxLengthError('Decode error - repeated field "refused" had too many elements')
              }

              obj.refused.push(reader.uint32())
              break
            }
            case 4: {
              obj.chunk = ChunkHeader.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.chunk
              })
              break
            }
            case 5: {
              if (opts.limits?.busy != null && obj.busy.length === opts.limits.busy) {
                throw new MaxLengthError('Decode error - repeated field "busy" had too many elements')
              }

              obj.busy.push(reader.uint32())
              break
            }
            case 6: {
              obj.inLine = reader.bool()
              break
            }
            case 7: {
              obj.granted = reader.bool()
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
          have: 0,
          refused: 0,
          busy: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * Holding.codec().stream(reader, reader.uint32(), `${prefix}.holding`, {
                limits: opts.limits?.holding
              })

              break
            }
            case 2: {
              if (opts.limits?.have != null && obj.have === opts.limits.have) {
                throw new MaxLengthError('Streaming decode error - repeated field "have" had too many elements')
              }

              yield {
                field: `${prefix}.have[]`,
                index: obj.have,
                value: reader.uint32()
              }

              obj.have++

              break
            }
            case 3: {
              if (opts.limits?.refused != null && obj.refused === opts.limits.refused) {
                throw new MaxLengthError('Streaming decode error - repeated field "refused" had too many elements')
              }

              yield {
                field: `${prefix}.refused[]`,
                index: obj.refused,
                value: reader.uint32()
              }

              obj.refused++

              break
            }
            case 4: {
              yield * ChunkHeader.codec().stream(reader, reader.uint32(), `${prefix}.chunk`, {
                limits: opts.limits?.chunk
              })

              break
            }
            case 5: {
              if (opts.limits?.busy != null && obj.busy === opts.limits.busy) {
                throw new MaxLengthError('Streaming decode error - repeated field "busy" had too many elements')
              }

              yield {
                field: `${prefix}.busy[]`,
                index: obj.busy,
                value: reader.uint32()
              }

              obj.busy++

              break
            }
            case 6: {
              yield {
                field: `${prefix}.inLine`,
                value: reader.bool()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.granted`,
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

  export interface ExchangeReplyHoldingSizeFieldEvent {
    field: '$.holding.size'
    value: bigint
  }

  export interface ExchangeReplyHoldingMediaTypeFieldEvent {
    field: '$.holding.mediaType'
    value: string
  }

  export interface ExchangeReplyHoldingChunksFieldEvent {
    field: '$.holding.chunks'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ExchangeReplyHoldingZoneFieldEvent {
    field: '$.holding.zone'
    value: string
  }

  export interface ExchangeReplyHoldingIsOfRegistryFieldEvent {
    field: '$.holding.isOfRegistry'
    value: boolean
  }

  export interface ExchangeReplyHaveFieldEvent {
    field: '$.have[]'
    index: number
    value: number
  }

  export interface ExchangeReplyRefusedFieldEvent {
    field: '$.refused[]'
    index: number
    value: number
  }

  export interface ExchangeReplyChunkIndexFieldEvent {
    field: '$.chunk.index'
    value: number
  }

  export interface ExchangeReplyChunkLengthFieldEvent {
    field: '$.chunk.length'
    value: number
  }

  export interface ExchangeReplyChunkHashFieldEvent {
    field: '$.chunk.hash'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ExchangeReplyBusyFieldEvent {
    field: '$.busy[]'
    index: number
    value: number
  }

  export interface ExchangeReplyInLineFieldEvent {
    field: '$.inLine'
    value: boolean
  }

  export interface ExchangeReplyGrantedFieldEvent {
    field: '$.granted'
    value: boolean
  }

  export function encode (obj: Partial<ExchangeReply>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ExchangeReply.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ExchangeReply>): ExchangeReply {
    return decodeMessage(buf, ExchangeReply.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ExchangeReply>): Generator<ExchangeReplyHoldingSizeFieldEvent | ExchangeReplyHoldingMediaTypeFieldEvent | ExchangeReplyHoldingChunksFieldEvent | ExchangeReplyHoldingZoneFieldEvent | ExchangeReplyHoldingIsOfRegistryFieldEvent | ExchangeReplyHaveFieldEvent | ExchangeReplyRefusedFieldEvent | ExchangeReplyChunkIndexFieldEvent | ExchangeReplyChunkLengthFieldEvent | ExchangeReplyChunkHashFieldEvent | ExchangeReplyBusyFieldEvent | ExchangeReplyInLineFieldEvent | ExchangeReplyGrantedFieldEvent> {
    return streamMessage(buf, ExchangeReply.codec(), opts)
  }
}

export interface Holding {
  size: bigint
  mediaType: string
  chunks: Uint8Array<ArrayBuffer>
  zone?: string
  isOfRegistry?: boolean
}

export namespace Holding {
  let _codec: Codec<Holding>

  export const codec = (): Codec<Holding> => {
    if (_codec == null) {
      _codec = message<Holding>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.size != null && obj.size !== 0n)) {
          w.uint32(8)
          w.uint64(obj.size)
        }

        if ((obj.mediaType != null && obj.mediaType !== '')) {
          w.uint32(18)
          w.string(obj.mediaType)
        }

        if ((obj.chunks != null && obj.chunks.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.chunks)
        }

        if (obj.zone != null) {
          w.uint32(34)
          w.string(obj.zone)
        }

        if (obj.isOfRegistry != null) {
          w.uint32(40)
          w.bool(obj.isOfRegistry)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          size: 0n,
          mediaType: '',
          chunks: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.size = reader.uint64()
              break
            }
            case 2: {
              obj.mediaType = reader.string()
              break
            }
            case 3: {
              obj.chunks = reader.bytes()
              break
            }
            case 4: {
              obj.zone = reader.string()
              break
            }
            case 5: {
              obj.isOfRegistry = reader.bool()
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
                field: `${prefix}.size`,
                value: reader.uint64()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.mediaType`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.chunks`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.zone`,
                value: reader.string()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.isOfRegistry`,
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

  export interface HoldingSizeFieldEvent {
    field: '$.size'
    value: bigint
  }

  export interface HoldingMediaTypeFieldEvent {
    field: '$.mediaType'
    value: string
  }

  export interface HoldingChunksFieldEvent {
    field: '$.chunks'
    value: Uint8Array<ArrayBuffer>
  }

  export interface HoldingZoneFieldEvent {
    field: '$.zone'
    value: string
  }

  export interface HoldingIsOfRegistryFieldEvent {
    field: '$.isOfRegistry'
    value: boolean
  }

  export function encode (obj: Partial<Holding>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Holding.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Holding>): Holding {
    return decodeMessage(buf, Holding.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Holding>): Generator<HoldingSizeFieldEvent | HoldingMediaTypeFieldEvent | HoldingChunksFieldEvent | HoldingZoneFieldEvent | HoldingIsOfRegistryFieldEvent> {
    return streamMessage(buf, Holding.codec(), opts)
  }
}

export interface ChunkHeader {
  index: number
  length: number
  hash: Uint8Array<ArrayBuffer>
}

export namespace ChunkHeader {
  let _codec: Codec<ChunkHeader>

  export const codec = (): Codec<ChunkHeader> => {
    if (_codec == null) {
      _codec = message<ChunkHeader>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.index != null && obj.index !== 0)) {
          w.uint32(8)
          w.uint32(obj.index)
        }

        if ((obj.length != null && obj.length !== 0)) {
          w.uint32(16)
          w.uint32(obj.length)
        }

        if ((obj.hash != null && obj.hash.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.hash)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          index: 0,
          length: 0,
          hash: uint8ArrayAlloc(0)
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
              obj.length = reader.uint32()
              break
            }
            case 3: {
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
                field: `${prefix}.length`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
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

  export interface ChunkHeaderIndexFieldEvent {
    field: '$.index'
    value: number
  }

  export interface ChunkHeaderLengthFieldEvent {
    field: '$.length'
    value: number
  }

  export interface ChunkHeaderHashFieldEvent {
    field: '$.hash'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<ChunkHeader>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ChunkHeader.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChunkHeader>): ChunkHeader {
    return decodeMessage(buf, ChunkHeader.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChunkHeader>): Generator<ChunkHeaderIndexFieldEvent | ChunkHeaderLengthFieldEvent | ChunkHeaderHashFieldEvent> {
    return streamMessage(buf, ChunkHeader.codec(), opts)
  }
}
