package consensus

import "errors"

// ErrAborted is no answer: the engine's process ends instead of giving one.
var ErrAborted = errors.New("aborted")

// The consensus library's answers, word for word (paxos_error.cc).
var (
	ErrDefault       = errors.New("Some error happens, please check the error log.")
	ErrNotLeader     = errors.New("Current node is not a leader.")
	ErrNotExists     = errors.New("Target node not exists.")
	ErrExists        = errors.New("Target node already exists.")
	ErrConcurrent    = errors.New("A concurrent command is running, please retry later.")
	ErrDelay         = errors.New("This node delays too much.")
	ErrInvalid       = errors.New("Invalid argument, please check the error log.")
	ErrTimeout       = errors.New("Timeout.")
	ErrReplicate     = errors.New("Replicate log fail.")
	ErrIsLearner     = errors.New("This node is already a learner.")
	ErrDowngrade     = errors.New("Downgrade a leader is not allowed.")
	ErrWeightLearner = errors.New("Configure forcesync or weight to a learner is not allowed.")
	ErrToLearner     = errors.New("Leader transfer to a learner is not allowed.")

	// ErrStopped is returned to callers waiting on a node that is being stopped.
	ErrStopped = errors.New("consensus stopped")
)
