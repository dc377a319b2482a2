// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include "comm.h"
#include "error.h"
#include "mlip/mlip.h"
#include "model.h"
#include "pointers.h"

namespace LAMMPS_NS::MLIP {
namespace {

constexpr int FORMAT = 1;  // of what is written below

void write_number(FILE *file, int number) {
  std::fwrite(&number, sizeof(int), 1, file);
}

void write_word(FILE *file, const std::string &word) {
  write_number(file, static_cast<int>(word.size()));
  std::fwrite(word.data(), 1, word.size(), file);
}

void write_words(FILE *file, const std::vector<std::string> &words) {
  write_number(file, static_cast<int>(words.size()));
  for (const auto &word : words) write_word(file, word);
}

int read_number(LAMMPS *lmp, FILE *file) {
  int number = 0;
  if (lmp->comm->me == 0) utils::sfread(FLERR, &number, sizeof(int), 1, file, nullptr, lmp->error);
  MPI_Bcast(&number, 1, MPI_INT, 0, lmp->world);
  return number;
}

std::string read_word(LAMMPS *lmp, FILE *file) {
  const int length = read_number(lmp, file);
  std::string word(length, ' ');
  if (length == 0) return word;
  if (lmp->comm->me == 0) utils::sfread(FLERR, word.data(), 1, length, file, nullptr, lmp->error);
  MPI_Bcast(word.data(), length, MPI_CHAR, 0, lmp->world);
  return word;
}

std::vector<std::string> read_words(LAMMPS *lmp, FILE *file) {
  std::vector<std::string> words(read_number(lmp, file));
  for (auto &word : words) word = read_word(lmp, file);
  return words;
}

}  // namespace

void Commands::write(FILE *file) const {
  write_number(file, FORMAT);
  write_words(file, options);
  write_word(file, path);
  write_words(file, elements);
  write_word(file, checksum);
}

Commands Commands::read(LAMMPS *lmp, FILE *file) {
  const int format = read_number(lmp, file);
  if (format != FORMAT)
    lmp->error->all(FLERR,
                    "Pair style mlip: its section of the restart file has format {}, and this version of mlipkit "
                    "knows {}; read the file with the version that wrote it, and use write_data there",
                    format, FORMAT);
  Commands commands;
  commands.options = read_words(lmp, file);
  commands.path = read_word(lmp, file);
  commands.elements = read_words(lmp, file);
  commands.checksum = read_word(lmp, file);
  return commands;
}

void Commands::check_file(LAMMPS *lmp) const {
  char found[65];
  std::string message;
  if (mlip_file_sha256(path.c_str(), found) != MLIP_OK)
    message = "cannot be read now";
  else if (checksum != found)
    message = fmt::format("is another file now (SHA-256 {})", found);
  agree(lmp, FLERR, !message.empty(),
        fmt::format("Pair style mlip: the restart file was written with model {} (SHA-256 {}), which {}; put that file "
                    "back, or give pair_coeff after read_restart to go on with another model",
                    path, checksum, message));
}

}  // namespace LAMMPS_NS::MLIP
