#include <data/store/panel_store.h>
#include <models/forecast.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc > 1)
    std::printf("%lld bins\n",
                static_cast<long long>(precinct::data::read_panel(argv[1]).num_bins));
  const double nll = precinct::models::nll(precinct::models::Family::kPoisson, 1.0, 0.0, 0);
  std::printf("NLL of nothing at mean one: %.3f\n", nll);
  return nll > 0.999 && nll < 1.001 ? 0 : 1;
}
