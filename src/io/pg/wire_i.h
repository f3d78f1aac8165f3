/* Numbers in network order. */
#ifndef ALPHALOOP_IO_PG_WIRE_I_H
#define ALPHALOOP_IO_PG_WIRE_I_H

#include <stdint.h>
#include <string.h>

static inline uint16_t wire_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t wire_u32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}

static inline uint64_t wire_u64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}

static inline void wire_put_u16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
}

static inline float wire_float(const unsigned char *p)
{
    uint32_t bits = wire_u32(p);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline double wire_double(const unsigned char *p)
{
    uint64_t bits = wire_u64(p);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint64_t wire_double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Both ends of everything we run on are little-endian, and so are stored feature vectors. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "wire_i.h swaps bytes unconditionally");

#endif
