//! SSH signatures (SSHSIG), verified strictly.
