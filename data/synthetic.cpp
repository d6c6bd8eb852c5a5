#include "data/synthetic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "data/random.hpp"

// The bytes are the same on every machine with IEEE 754 floats: arithmetic is in a fixed order,
// with +, -, *, /, sqrt and operations that do not round. For the same reason, two draws never
// stand in one expression, but in a braced list, which is evaluated from left to right.

namespace mvsgd::data {
namespace {

enum class Shape { kDisc, kTriangle, kRing, kSquare, kCross };
enum class Texture { kRows, kColumns, kChecks, kDots, kSpeckle };
constexpr std::uint64_t kShapes = 5;
constexpr std::uint64_t kTextures = 5;

using Colour =
    std::array<float, kChannels>;  // in units of a byte; sums may leave [0, 255] for a while

constexpr Colour kRed = {200, 60, 50};
constexpr Colour kGreen = {60, 170, 70};
constexpr Colour kBlue = {60, 90, 200};
constexpr Colour kYellow = {205, 185, 60};
constexpr Colour kViolet = {160, 70, 180};

struct Kind {
  Shape shape;
  Texture texture;
  Colour colour;
};

/// A class: a pair of a shape and a texture. Each shape and each texture belongs to two classes, so
/// either alone is half of the answer. The favourite colour is a hint.
constexpr std::array<Kind, kClasses> kKinds = {{
    {Shape::kDisc, Texture::kRows, kRed},
    {Shape::kTriangle, Texture::kRows, kBlue},
    {Shape::kTriangle, Texture::kColumns, kYellow},
    {Shape::kRing, Texture::kColumns, kViolet},
    {Shape::kRing, Texture::kChecks, kGreen},
    {Shape::kSquare, Texture::kChecks, kRed},
    {Shape::kSquare, Texture::kDots, kBlue},
    {Shape::kCross, Texture::kDots, kGreen},
    {Shape::kCross, Texture::kSpeckle, kViolet},
    {Shape::kDisc, Texture::kSpeckle, kYellow},
}};

struct Range {
  float low;
  float high;
};

/// The position and the size of an object, in pixels.
struct Extent {
  Range centre;
  Range radius;
};

// How images of one class differ. data/README.md says how well a linear classifier and a small
// network do on them; wider ranges make both worse.
constexpr Extent kObject = {.centre = {12, 20}, .radius = {10, 13}};
constexpr Extent kDistractor = {.centre = {0, 32}, .radius = {2, 3.5F}};
constexpr std::size_t kDistractors = 2;
constexpr std::uint64_t kOneInHasItsClassColour = 3;
constexpr Range kObjectColour = {30, 225};
constexpr Range kBackgroundColour = {60, 195};
constexpr Range kTextureContrast = {70, 130};
constexpr Range kTilt = {-0.2F, 0.2F};  // tangent of the rotation: no texture becomes another
constexpr Range kPeriod = {4, 6.5F};    // period of the texture, in pixels
constexpr Range kContrast = {0.7F, 1};
constexpr Range kNoise = {8, 48};  // half the width of its triangular distribution

/// Uniform over the range, in steps of 2^-24 of its width.
float uniform(Draws& draws, Range range) {
  const auto steps = static_cast<float>(draws.bits() >> 40);
  return range.low + (range.high - range.low) * (steps * 0x1p-24F);
}

Colour random_colour(Draws& draws, Range range) {
  return {uniform(draws, range), uniform(draws, range), uniform(draws, range)};
}

/// Interpolates from `a` at t = 0 to `b` at t = 1.
Colour mix(const Colour& a, const Colour& b, float t) {
  return {a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])};
}

/// A wave of period 1 between 0 and 1: triangular, with crests and troughs cut off.
float wave(float x) {
  const float phase = x - std::floor(x);
  return std::clamp(2 * std::abs(2 * phase - 1) - 0.5F, 0.0F, 1.0F);
}

/// The depth of (u, v) inside the shape of radius 1 around the origin; negative outside.
float depth(Shape shape, float u, float v) {
  const float x = std::abs(u);
  const float y = std::abs(v);
  const float r = std::sqrt(u * u + v * v);
  switch (shape) {
    case Shape::kDisc:
      return 0.95F - r;
    case Shape::kTriangle:  // corners (0, -1) and (+-0.95, 0.8); sqrt(4.1425) is a side's length
      return std::min(0.8F - v, (0.95F * (v + 1) - 1.8F * x) / std::sqrt(4.1425F));
    case Shape::kRing:
      return 0.28F - std::abs(0.72F - r);
    case Shape::kSquare:
      return 0.8F - std::max(x, y);
    case Shape::kCross:
      return std::max(std::min(0.3F - x, 1 - y), std::min(0.3F - y, 1 - x));
  }
  return -1;
}

/// The texture at (u, v) in periods: 0 for one of its colours, 1 for the other. `grain` is the
/// pixel's own random number between 0 and 1.
float tone(Texture texture, float u, float v, float grain) {
  switch (texture) {
    case Texture::kRows:
      return wave(v);
    case Texture::kColumns:
      return wave(u);
    case Texture::kChecks:
      return wave(u) + wave(v) - 2 * wave(u) * wave(v);
    case Texture::kDots:
      return wave(u) * wave(v);
    case Texture::kSpeckle:
      return grain;
  }
  return 0;
}

/// A shape, filled with a texture of two colours. Lengths are in pixels.
struct Object {
  Shape shape;
  Texture texture;
  std::array<Colour, 2> colours;
  float x, y, radius;
  float cosine, sine;  // of its rotation
  float period;
  std::array<float, 2> phase;
};

Object random_object(Draws& draws, const Extent& extent, Shape shape, Texture texture,
                     const Colour& colour) {
  const bool darker = draws.below(2) == 1;
  const float gap = uniform(draws, kTextureContrast);
  const float step = darker ? -gap : gap;
  const float tilt = uniform(draws, kTilt);
  const float cosine = 1 / std::sqrt(1 + tilt * tilt);
  return {.shape = shape,
          .texture = texture,
          .colours = {colour, {colour[0] + step, colour[1] + step, colour[2] + step}},
          .x = uniform(draws, extent.centre),
          .y = uniform(draws, extent.centre),
          .radius = uniform(draws, extent.radius),
          .cosine = cosine,
          .sine = tilt * cosine,
          .period = uniform(draws, kPeriod),
          .phase = {uniform(draws, {0, 1}), uniform(draws, {0, 1})}};
}

/// The colour of the pixel with centre (x, y) and colour `under` once the object covers it.
Colour cover(const Object& object, float x, float y, float grain, const Colour& under) {
  const float dx = x - object.x;
  const float dy = y - object.y;
  const float u = dx * object.cosine + dy * object.sine;
  const float v = dy * object.cosine - dx * object.sine;
  // An edge is one pixel wide.
  const float inside = object.radius * depth(object.shape, u / object.radius, v / object.radius);
  const float share = std::clamp(inside + 0.5F, 0.0F, 1.0F);
  if (share == 0) return under;
  const float t = tone(object.texture, u / object.period + object.phase[0],
                       v / object.period + object.phase[1], grain);
  return mix(under, mix(object.colours[0], object.colours[1], t), share);
}

/// The scene of an image: the background, the object of the class, and distractors over it.
struct Scene {
  Colour top, bottom;  // colours of the background
  std::array<Object, 1 + kDistractors> objects;
};

Scene random_scene(Draws& draws, const Kind& kind) {
  Scene scene;
  scene.top = random_colour(draws, kBackgroundColour);
  scene.bottom = mix(scene.top, random_colour(draws, kBackgroundColour), 0.5F);
  Colour colour = random_colour(draws, kObjectColour);
  if (draws.below(kOneInHasItsClassColour) == 0) colour = mix(kind.colour, colour, 0.3F);
  scene.objects[0] = random_object(draws, kObject, kind.shape, kind.texture, colour);
  for (std::size_t k = 1; k < scene.objects.size(); ++k) {
    const auto shape = static_cast<Shape>(draws.below(kShapes));
    const auto texture = static_cast<Texture>(draws.below(kTextures));
    const Colour paint = random_colour(draws, kObjectColour);
    scene.objects[k] = random_object(draws, kDistractor, shape, texture, paint);
  }
  return scene;
}

/// An image of the class `kind`, [3, 32, 32].
void render(const Kind& kind, Draws draws, float noise_factor, std::span<std::uint8_t> out) {
  const Scene scene = random_scene(draws, kind);
  const float contrast = uniform(draws, kContrast);
  const float noise = noise_factor * uniform(draws, kNoise);
  for (std::size_t i = 0; i < kSide; ++i) {
    for (std::size_t j = 0; j < kSide; ++j) {
      // A pixel has eight random bytes: two for the noise of each channel, one for its grain.
      const std::uint64_t word = draws.bits();
      const auto byte = [word](std::size_t k) {
        return static_cast<float>(word >> (8 * k) & 255) / 255.0F;
      };
      const float x = static_cast<float>(j) + 0.5F;
      const float y = static_cast<float>(i) + 0.5F;
      Colour pixel = mix(scene.top, scene.bottom, y / static_cast<float>(kSide));
      for (const Object& object : scene.objects) pixel = cover(object, x, y, byte(6), pixel);
      for (std::size_t c = 0; c < kChannels; ++c) {
        const float value =
            128 + contrast * (pixel[c] - 128) + noise * (byte(2 * c) + byte(2 * c + 1) - 1);
        out[(c * kSide + i) * kSide + j] =
            static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F) + 0.5F);
      }
    }
  }
}

Dataset render_all(std::size_t n, const SyntheticOptions& options, Purpose purpose) {
  Dataset dataset{.pixels = std::vector<std::uint8_t>(n * kImageBytes),
                  .labels = std::vector<std::uint8_t>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    dataset.labels[i] = static_cast<std::uint8_t>(i % kClasses);
    render(kKinds[i % kClasses], Draws(options.seed, purpose, {.index = i}), options.noise,
           std::span(dataset.pixels).subspan(i * kImageBytes, kImageBytes));
  }
  return dataset;
}

}  // namespace

TrainTest synthesize(const SyntheticOptions& options) {
  return {.train = render_all(options.train, options, Purpose::kTrainImage),
          .test = render_all(options.test, options, Purpose::kTestImage)};
}

}  // namespace mvsgd::data
