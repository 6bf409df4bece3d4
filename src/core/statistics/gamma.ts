// The gamma function and its upper tail in logarithms: mathematics only, it knows nothing of picks and members.

/**
 * ln Gamma(x) for x > 0: Stirling's series (Abramowitz and Stegun 6.1.41) from 16 on, where its sixth term is below
 * 1e-16; smaller x are moved there by Gamma(x + 1) = x Gamma(x) (6.1.15).
 */
export const logGamma = (x: number): number => {
  let product = 1;
  let z = x;
  for (; z < 16; z++) product *= z;
  const r = 1 / z;
  const r2 = r * r;
  const series = r * (1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260 - r2 * (1 / 1680 - r2 / 1188))));
  return (z - 0.5) * Math.log(z) - z + HALF_LOG_2PI + series - Math.log(product);
};

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** ln k! of a whole number: the test of a group asks for several of each member at every tick. */
export const logFactorial = (k: number): number => (k < SMALL.length ? (SMALL[k] ?? 0) : logGamma(k + 1));

const SMALL: readonly number[] = Array.from({ length: 1024 }, (_, k) => logGamma(k + 1));

/**
 * ln Q(a, x), the logarithm of the regularised upper incomplete gamma function Gamma(a, x) / Gamma(a), for a > 0: a
 * logarithm, because Q itself is 0 in a double below 1e-308. Left of the mode the power series of P = 1 - Q converges
 * (A. and S. 6.5.29), right of it the continued fraction of Q (6.5.31) by Lentz's method as Thompson and Barnett (1986)
 * mended it; both as in Numerical Recipes, section 6.2.
 */
export const logUpperGamma = (a: number, x: number): number => {
  if (x <= 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  // x^a exp(-x) / Gamma(a), which both have in front.
  const front = a * Math.log(x) - x - logGamma(a);
  return x < a + 1 ? Math.log1p(-Math.exp(front) * series(a, x)) : front + Math.log(fraction(a, x));
};

/** Both need about the square root of a terms; a group has at most 65,535 members. */
const TERMS = 100_000;
const PRECISION = 1e-16;

const series = (a: number, x: number): number => {
  let term = 1 / a;
  let sum = term;
  for (let k = 1; k < TERMS && term > sum * PRECISION; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return sum;
};

const fraction = (a: number, x: number): number => {
  let b = x + 1 - a;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let value = d;
  for (let k = 1; k < TERMS; k++) {
    const numerator = -k * (k - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    value *= d * c;
    if (Math.abs(d * c - 1) < PRECISION * 4) break;
  }
  return value;
};

/** ln of the chance that a chi-square variable with so many degrees of freedom is larger (A. and S. 26.4.19). */
export const logChiSquareTail = (chiSquare: number, freedom: number): number =>
  logUpperGamma(freedom / 2, chiSquare / 2);

/** The standard normal distribution function, of z >= 0: erfc(x) = Q(1/2, x^2) (A. and S. 6.5.17). */
export const normalBelow = (z: number): number => 1 - Math.exp(logUpperGamma(0.5, (z * z) / 2)) / 2;
