// How many units of a deep ReLU network are dead before training starts: born_dead [BIAS [WIDTH [DEPTH]]].
// Weights are drawn after He et al.; rows go through all layers, each of which counts its firings.
#include <relu_fast.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

namespace {

constexpr std::size_t ROWS = 256;

void require(rf_status status)
{
    if (status != RF_OK) throw std::runtime_error(rf_strerror(status));
}

class Layer {
  public:
    Layer(std::size_t width, float bias, std::mt19937 &random)
        : width_(width), weights_(width * width), bias_(width, bias), active_(width)
    {
        std::normal_distribution<float> he(0.0f, std::sqrt(2.0f / static_cast<float>(width)));
        for (float &w : weights_) w = he(random);
    }

    std::vector<float> forward(const std::vector<float> &x)
    {
        std::vector<float> z(ROWS * width_);
        for (std::size_t row = 0; row < ROWS; row++)
            for (std::size_t i = 0; i < width_; i++)
                for (std::size_t u = 0; u < width_; u++)
                    z[row * width_ + u] += x[row * width_ + i] * weights_[i * width_ + u];
        rf_units_forward_args args = rf_units_forward_args();
        args.activation = RF_RELU;
        args.dtype = RF_FLOAT32;
        args.shape.outer = ROWS, args.shape.units = width_, args.shape.inner = 1;
        args.z = args.y = z.data();
        args.z_step = args.y_step = static_cast<std::ptrdiff_t>(width_ * sizeof(float));
        args.bias = bias_.data();
        args.counts.active = active_.data();
        require(rf_units_forward(&args));
        return z;
    }

    std::size_t dead() const
    {
        std::size_t n = 0;
        for (std::int64_t times : active_) n += times == 0;
        return n;
    }

  private:
    std::size_t width_;
    std::vector<float> weights_, bias_;
    std::vector<std::int64_t> active_;
};

} // namespace

int main(int argc, char **argv)
{
    const float bias = argc > 1 ? std::strtof(argv[1], nullptr) : 0.0f;
    const std::size_t width = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 64;
    const int depth = argc > 3 ? std::atoi(argv[3]) : 4;
    try {
        require(rf_abi_check(RF_ABI_VERSION));
        std::mt19937 random(1);
        std::normal_distribution<float> normal;
        std::vector<float> x(ROWS * width);
        for (float &v : x) v = normal(random);
        for (int i = 1; i <= depth; i++) {
            Layer layer(width, bias, random);
            x = layer.forward(x);
            std::printf("layer %d: %zu of %zu units dead\n", i, layer.dead(), width);
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "born_dead: %s\n", error.what());
        return 1;
    }
}
