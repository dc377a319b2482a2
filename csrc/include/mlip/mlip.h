/* SPDX-License-Identifier: MIT
 *
 * mlip.h: the whole public face of the mlipkit engine.
 *
 * A host (LAMMPS, OpenMM, ASE) opens an artifact, hands over a graph of atoms and edges or positions and a cell, and
 * gets energies, forces and virials back. Pure C: opaque handles, plain structs, a status and a message. No exception
 * crosses this line, no function prints, and nothing here knows a host or a tensor library.
 *
 * Units: eV, angstrom, e. Matrices are row-major; rows of a cell are its vectors. Pointers handed out by the engine
 * stay valid until the next call with the same handle. A handle serves one thread at a time.
 */
#ifndef MLIP_MLIP_H
#define MLIP_MLIP_H

#include <stdint.h>

#if defined(_WIN32)
#define MLIP_API __declspec(dllexport)
#else
#define MLIP_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a struct or a function below changes its meaning; compare with mlip_interface_version(). */
#define MLIP_INTERFACE_VERSION 6

typedef enum {
  MLIP_OK = 0,
  MLIP_ERROR_ARGUMENT = 1, /* the caller asked for something impossible: unknown species, precision, condition ... */
  MLIP_ERROR_ARTIFACT = 2, /* the file is missing, broken, tampered with, or of an unknown schema */
  MLIP_ERROR_BACKEND = 3,  /* libmlip_torch cannot be loaded, or the tensor library failed (out of memory ...) */
  MLIP_ERROR_NUMERIC = 4,  /* NaN or infinity in positions, energies or forces */
  MLIP_ERROR_HOST = 5      /* a callback of the host reported a failure */
} mlip_status;

MLIP_API int mlip_interface_version(void);
MLIP_API const char *mlip_version(void);

/* What went wrong in the last failed call of this thread: what, where, what to do. Never NULL. */
MLIP_API const char *mlip_last_error(void);

/* SHA-256 of a whole file as 64 lower-case hexadecimal digits and a zero byte. Hosts that save their input record it,
 * to recognise the artifact when they come back. */
MLIP_API mlip_status mlip_file_sha256(const char *path, char digest[65]);

/* ------------------------------------------------------------------------------------------------ opening a model */

typedef struct mlip_model mlip_model;

typedef struct {
  const char *const *species; /* [n_species] chemical symbols that the host will use, in its order; may repeat.
                                 NULL with n_species = 0: all species of the manifest in manifest order */
  int n_species;
  const char *precision; /* "single", "mixed" or "double"; NULL: the manifest's default */
  const char *device;    /* "cpu", "cuda" or "cuda:N"; NULL: "cpu" */
  const char *task;      /* level of theory; NULL allowed when the model has exactly one */
  int threads;           /* threads for tensor operations; 0: leave as it is */
  int tables;            /* radial networks as tables: 1 yes, -1 no, 0 where the precision is single or mixed */
} mlip_open_options;

/* How many CUDA devices torch sees; 0 where there is none. */
MLIP_API mlip_status mlip_count_cuda_devices(int *n);

/* Reads the artifact, checks schema, checksum and species, casts to the precision, then evaluates the embedded probe
 * structures of the species in use on the device and refuses on a mismatch. */
MLIP_API mlip_status mlip_open(const char *path, const mlip_open_options *options, mlip_model **model);
MLIP_API void mlip_close(mlip_model *model);

/* A named output besides energy. */
typedef struct {
  const char *name;
  const char *unit;
  int per_structure; /* not 0: one row for the structure; 0: one row per atom */
  int width;         /* values per row */
} mlip_output_description;

typedef struct {
  const char *path;
  const char *architecture;
  const char *precision; /* as opened */
  const char *device;    /* as opened */
  const char *task;      /* as opened */
  const char *torch_version;
  const char *manifest; /* the whole manifest, JSON text */
  double cutoff;        /* angstrom */
  double interaction_range;
  int n_layers;
  int halo_exchanges;        /* feature exchanges per forward pass; 0: no halo needed */
  int halo_values_per_ghost; /* numbers per ghost atom and exchange */
  int n_species;             /* in use, the caller's order */
  const char *const *species;
  const double *masses; /* [n_species] standard atomic masses, u */
  int n_outputs;
  const mlip_output_description *outputs;
  int tabulated;             /* whether radial networks were replaced by tables */
  int n_probes;              /* probe structures evaluated when opening */
  double probe_seconds;      /* time that took */
  double probe_energy_error; /* largest differences from the reference: eV per atom, eV/angstrom */
  double probe_force_error;
} mlip_description;

MLIP_API mlip_status mlip_describe(const mlip_model *model, mlip_description *description);

/* Conditions of the whole system ("total_charge" in e, "spin_multiplicity" = 2S+1). Setting one that the model does
 * not declare, or outside its range, is an error; so is evaluating before every required one has a value. For models
 * that take both, the first evaluation with atoms after a condition was set also checks that the number of electrons
 * (sum of the atomic numbers minus the charge, over the local atoms of all processes) allows the multiplicity. */
MLIP_API mlip_status mlip_set_condition(mlip_model *model, const char *name, double value);

/* ---------------------------------------------------------------------------------------------------- halo exchange */

typedef enum { MLIP_FLOAT32 = 4, MLIP_FLOAT64 = 8 } mlip_dtype; /* the value is the size in bytes */

/* Message passing needs neighbours' features. Rows 0 .. n_local-1 of `rows` [n_all][width] belong to this process,
 * the others are ghosts. `rows` is in host memory. Both are called the same number of times, in the same order and
 * with the same width on every process, also on one that owns no atom. Return 0, or anything else to stop. */
typedef struct {
  void *host;
  /* copy owners' rows into their ghosts, on all processes */
  int (*forward)(void *host, void *rows, int width, mlip_dtype dtype);
  /* add ghost rows to their owners' rows; the engine clears the ghost rows afterwards */
  int (*reverse)(void *host, void *rows, int width, mlip_dtype dtype);
} mlip_halo;

/* Copies the callbacks; NULL removes them (then n_all must equal n_local for models that need a halo). */
MLIP_API mlip_status mlip_set_halo(mlip_model *model, const mlip_halo *halo);

/* ------------------------------------------------------------------------------------------- sums over all processes
 */

/* What belongs to the whole structure needs sums over the processes that share it: outputs per structure, atomic
 * charges that sum to the total charge, the number of electrons. Each callback replaces values [n] by their sum, or
 * their largest, over all processes. Both are called the same number of times, in the same order and with the same n on
 * every process, provided that all set the same conditions and want the same outputs. Return 0, or anything else to
 * stop. */
typedef struct {
  void *host;
  int (*sum)(void *host, double *values, int n);
  int (*max)(void *host, double *values, int n);
} mlip_reduction;

/* Copies the callbacks; NULL removes them: this process then owns the whole structure. */
MLIP_API mlip_status mlip_set_reduction(mlip_model *model, const mlip_reduction *reduction);

/* ----------------------------------------------------------------------------------------------------- named outputs
 */

/* The outputs that the following evaluations shall give; [n] names, n = 0: none, as after opening. What nobody wants is
 * not computed. On several processes all must want the same. */
MLIP_API mlip_status mlip_want_outputs(mlip_model *model, const char *const *names, int n);

/* An output of the last evaluation: *values [n_local][*width] or, for one of the structure, [*width], the same on all
 * processes. */
MLIP_API mlip_status mlip_output(const mlip_model *model, const char *name, const double **values, int *width);

/* ------------------------------------------------------------------------------------------------ evaluating edges */

/* Edges run from a local centre to a local or ghost neighbour, sorted by centre; a pair inside the process appears
 * twice, once from each side. r_ij = r_j - r_i + S H (j the neighbour, S integer shifts, H the cell). Edges longer
 * than the cutoff are allowed and contribute nothing. n_local = 0 and n_edges = 0 are ordinary inputs. */
typedef struct {
  int64_t n_local;
  int64_t n_all;          /* local atoms first, then ghosts */
  const int64_t *species; /* [n_all] index into the species list given to mlip_open */
  int64_t n_edges;
  const int64_t *centre;    /* [n_edges] < n_local, ascending */
  const int64_t *neighbour; /* [n_edges] < n_all */
  const double *r_ij;       /* [n_edges][3] angstrom */
} mlip_graph;

/* Arrays are the caller's; NULL means not wanted. All are overwritten. */
typedef struct {
  int energy_only;        /* not 0: no backward pass; virial becomes NaN, the arrays behind `energies` must be NULL.
                             With a halo all processes must ask for the same */
  double energy;          /* eV, sum over local atoms, reference energies E0 included */
  double virial[6];       /* eV, xx yy zz xy xz yz of W = -sum_edges r_ij (x) dE/dr_ij; stress = -W/V */
  double *energies;       /* [n_local] eV */
  double *forces;         /* [n_all][3] eV/angstrom; ghost rows hold what belongs to their owners */
  double *virials;        /* [n_all][6] eV; each edge is shared equally by its two atoms */
  double *edge_gradients; /* [n_edges][3] dE/dr_ij, eV/angstrom */
  /* [n_all][9] eV, xx yy zz xy xz yz yx zx zy of W_j = sum_i (r_i - r_j) (x) dU_i/dr_j, U_i the energy of an atom:
   * sum_j W_j v_j is the potential part of the heat flux, sum_j W_j the virial. Each is shared by an atom and its
   * ghosts, as forces are. Costs three more backward passes, and their halo exchanges, for models of several layers;
   * with a halo all processes must ask for the same. Refused (MLIP_ERROR_ARGUMENT) for a model whose features reach
   * neighbours by other ways than the engine's convolutions. */
  double *centroid_virials;
} mlip_result;

/* A graph that cannot be evaluated (edges that are not finite, say) is refused before the first halo exchange; energies
 * or forces that are not finite are reported after the last, when all processes are in step and can stop together. */
MLIP_API mlip_status mlip_evaluate(mlip_model *model, const mlip_graph *graph, mlip_result *result);

/* ------------------------------------------------------------------------------------ evaluating a host's pair list */

/* Pairs that may be edges: what a host's neighbour list holds, those beyond the cutoff included. Grouped by centre, a
 * pair inside the process twice, once from each side. */
typedef struct {
  int64_t n_local;
  int64_t n_all;            /* local atoms first, then ghosts */
  const int64_t *species;   /* [n_all] index into the species list given to mlip_open */
  const int64_t *first;     /* [n_local + 1] where the pairs of each centre begin; first[0] = 0 */
  const int32_t *neighbour; /* [first[n_local]] < n_all */
  const int32_t *shifts;    /* [first[n_local]][3] S of r_ij = r_j - r_i + S H; NULL: none, ghosts are images */
} mlip_pairs;

/* To be called when the host's list was rebuilt. The arrays must stay as they are until the next call or mlip_close:
 * on a CPU they are read in every step, on a GPU they are uploaded here. Species are copied. */
MLIP_API mlip_status mlip_set_pairs(mlip_model *model, const mlip_pairs *pairs);

/* Evaluates the pairs that are shorter than the cutoff. positions [n_all][3]; cell [3][3], rows are vectors, is read
 * where there are shifts. result as for mlip_evaluate, but edge_gradients must be NULL. On a GPU only positions go in
 * and only results come out. A pair that has no direction (a position that is not finite, atoms at the same place) is
 * reported after the last halo exchange, as MLIP_ERROR_NUMERIC. */
MLIP_API mlip_status mlip_evaluate_pairs(mlip_model *model, const double *positions, const double *cell,
                                         mlip_result *result);

/* ------------------------------------------------------------------------------------------------------------ memory
 */

typedef struct {
  int64_t n_local, n_all; /* atoms, as in mlip_graph */
  int64_t n_edges;        /* pairs shorter than the cutoff, twice inside the process */
} mlip_size;

/* Bytes, to about a tenth, that an evaluation of this size with forces will need at its peak on the model's device,
 * beyond what the process holds now. Evaluates small graphs of the same density (milliseconds), so outputs of the last
 * evaluation are gone. Calls nobody else: processes may ask for different sizes, or not at all. */
MLIP_API mlip_status mlip_predict_memory(mlip_model *model, const mlip_size *size, double *bytes);

/* --------------------------------------------------------------------------------------------------- neighbour list */

typedef struct mlip_neighbours mlip_neighbours;

typedef struct {
  int64_t n_edges;
  const int64_t *centre;    /* [n_edges] ascending */
  const int64_t *neighbour; /* [n_edges] */
  const int32_t *shifts;    /* [n_edges][3] S */
  const double *r_ij;       /* [n_edges][3] */
} mlip_edges;

/* Full list over periodic images: the cutoff may exceed the cell. With skin > 0 the candidate pairs are kept until an
 * atom has moved by half the skin or the cell has changed. */
MLIP_API mlip_status mlip_neighbours_create(double cutoff, double skin, mlip_neighbours **neighbours);
MLIP_API void mlip_neighbours_destroy(mlip_neighbours *neighbours);

/* positions [n_atoms][3], need not be wrapped; cell [3][3] rows are vectors (rows of non-periodic directions are
 * ignored); pbc [3]. Gives the edges with |r_ij| < cutoff. */
MLIP_API mlip_status mlip_neighbours_update(mlip_neighbours *neighbours, int64_t n_atoms, const double *positions,
                                            const double *cell, const int *pbc, mlip_edges *edges);

/* How often the candidate pairs were rebuilt. */
MLIP_API int64_t mlip_neighbours_builds(const mlip_neighbours *neighbours);

/* Neighbour list and evaluation in one call, for hosts that own all atoms (n_all = n_local = n_atoms). The list must
 * have been created with the model's cutoff. edge_gradients must be NULL. On a GPU the list is made and kept there. */
MLIP_API mlip_status mlip_compute(mlip_model *model, mlip_neighbours *neighbours, int64_t n_atoms,
                                  const int64_t *species, const double *positions, const double *cell, const int *pbc,
                                  mlip_result *result);

/* ------------------------------------------------------------------------------------- hosts with positions on a GPU
 */

/* Arrays [n_atoms][3] of the model in the memory of its GPU: angstrom, eV/angstrom. */
typedef struct {
  double *positions; /* the host writes */
  double *forces;    /* the host reads */
} mlip_device_arrays;

/* They stay where they are until a call with another n_atoms, or mlip_close. MLIP_ERROR_ARGUMENT for a model that is
 * not on a GPU. */
MLIP_API mlip_status mlip_get_device_arrays(mlip_model *model, int64_t n_atoms, mlip_device_arrays *arrays);

/* mlip_compute with these arrays: positions must be complete when it is called, forces are when it returns (with
 * energy_only they stay as they were). result->forces must be NULL. Positions pass through host memory only when the
 * pairs have to be found anew. */
MLIP_API mlip_status mlip_compute_on_device(mlip_model *model, mlip_neighbours *neighbours, int64_t n_atoms,
                                            const int64_t *species, const double *cell, const int *pbc,
                                            mlip_result *result);

#ifdef __cplusplus
}
#endif
#endif
