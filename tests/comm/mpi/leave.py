"""What Open MPI's launcher asks for where all is run as root, and for more ranks than cores: 4, and 5 (PRTE). MPICH's
asks for nothing. The tests' CMakeLists.txt has the same for programs that CTest starts without Python.
"""

import os


def ask_for_leave():
    """Of the launchers that this process starts from now on."""
    os.environ.update(
        OMPI_ALLOW_RUN_AS_ROOT="1",
        OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
        OMPI_MCA_rmaps_base_oversubscribe="1",
        PRTE_ALLOW_RUN_AS_ROOT="1",
        PRTE_ALLOW_RUN_AS_ROOT_CONFIRM="1",
        PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe",
    )
