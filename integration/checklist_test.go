package integration

// What a container init has to do, by case, and the test that shows it. Where a package is named instead, its own tests
// show what no real process can be made to do at will.
//
//	 1 exit codes 0..255                       TestExitCodesAreKept
//	 2 death by signal, with and without core  TestDeathBySignalIs128PlusItsNumber
//	 3 TERM ends a simple app at once          TestTermEndsASimpleAppAtOnce
//	 4 commands that cannot start              TestCommandsThatCannotStart, TestPathSearchGoesOnAfterPermissionDenied
//	 5 usage (errors are 125)                  TestUsageErrorsAre125AndHelpIs0, TestReservedWordsAreCommandsAfterTheDashes
//	 6 argv and environment                    TestArgumentsAndEnvironmentArePassedAsTheyAre
//	 7 bad configuration                       TestBadConfigurationStartsNothing, TestAMissingConfigurationFileStartsNothing
//	 8 signals 1..31                           TestSignalsAreForwardedOnce
//	 9 real-time signals                       TestSignalsAreForwardedOnce
//	10 SIGURG of our own                       TestOwnSignalsOfReaperdAreNotForwarded
//	11 URG and CHLD of a user                  TestOwnSignalsOfReaperdAreNotForwarded
//	12 signals from inside                     TestSignalsFromInsideAreForwarded
//	13 200 TERMs                               TestManySignalsLoseNothing
//	14 TERM right after the start              TestAnEarlyTermIsNeverLost
//	15 TERM between fork and exec              TestSignalsBetweenForkAndExecArriveAfterIt, TestConfiguredStopSignalIsNotLost…
//	16 ignored signals (only HUP and INT)      TestIgnoredHupAndIntStayIgnored
//	17 blocked signals                         TestSignalMaskIsTheOneReaperdFound
//	18 500 orphans die together                TestOrphansThatDieTogetherAreReaped
//	19 main ends among orphans                 TestMainEndingAmongOrphansKeepsItsCode
//	20 exit codes 126, 127, 128, 255           TestExitCodesAreKept
//	21 a stopped app                           TestAStoppedAppIsNotAnEndedOne
//	22 Ctrl-Z                                  TestKeyboardStopAsPID1IsAnsweredWithCont, TestCtrlZ…, TestBgAndFg
//	23 orphans of exec                         TestOrphansOfExecAreReaped
//	24 SIGCHLD ignored                         TestExitCodeIsKnownThoughSigchldWasIgnored
//	25 zombies of a live parent                TestZombiesOfALiveParentAreLeftToIt, TestParentOfZombiesIsNamed
//	26 leader gone, threads alive              TestALeaderThatExitedIsNoZombie
//	27 subreaper                               TestNotBeingPID1MakesASubreaper
//	28 nested                                  TestNestedReaperdPassesCodesAndSignals
//	29 interactive shell                       TestInteractiveShellAsTheApp, TestTerminalIsRestored
//	30 in the background                       TestInTheBackgroundTheTerminalIsLeftAlone
//	31 closed standard descriptors             TestClosedStandardDescriptors
//	32 stderr broken or full                   TestStderrThatCannotBeWritten, TestStderrStaysBlocking
//	33 inherited descriptors                   TestInheritedDescriptorsGoToTheApp, TestEveryIncarnation…, TestNoDescriptor…
//	34 LISTEN_PID                              TestListenPidNamesTheApp
//	35 leftovers of an ended app               TestLeftoversOfAnEndedAppFinish
//	36 the app first, then leftovers           TestStopReachesTheAppFirstAndLeftoversAfterIt
//	37 TERM ignored                            TestAppThatIgnoresTermIsKilledWhenTheBudgetEnds
//	38 no fixed sleep                          TestDrainEndsWhenNothingIsLeft
//	39 second TERM, second INT                 TestRepeatedTermDoesNotRestartTheClock, TestSecondIntKills
//	40 double-forked daemon                    TestLeftoversOfAnEndedAppFinish
//	41 orphans while draining                  TestOrphansMadeWhileDrainingAreDrained
//	42 fork bomb                               TestForkBombIsEmptiedBeforeTheDeadline
//	43 stopped descendants                     TestStoppedProcessesDoNotHangADrain
//	44 unkillable                              TestUnkillableProcessIsNamedAndLeft
//	45 each limit, one line, one drain         TestEachLimitDrainsAndEndsWith75, TestTwoLimitsAtOnceDrainOnce
//	46 app ends as a limit trips               TestAppThatEndsAtTheLimitIsJudgedOnce
//	47 tripped, app exits 0                    TestEachLimitDrainsAndEndsWith75
//	48 memory of forked workers                the metric key; supervisor/sampler
//	49 ours and theirs                         TestOursAndTheirsAreNotCounted, TestExecShellsSurviveARestart
//	50 pid reuse                               supervisor/sampler, reaper: (pid, start time) and pidfds
//	51 unfriendly worlds                       TestUnfriendlyWorlds, TestLimitsOfAnotherUser, TestPermissionDeniedIsSaidOnce
//	52 hostile names                           TestNamesFromTheAppAreEscaped; the cost of a scan is in bench
//	53 ceilings                                TestStartAtTheCeilingFailsClearly, ceiling_test.go
//	54 idle                                    TestIdleCostsNextToNothing
//	55 footprint                               TestStartAndExitAreQuick
//	56 working directories                     TestReaperdLeavesTheDirectoryItsAppStaysIn
//	57 remapped codes                          TestExitCodesAreRemapped
//	58 rewritten signals                       TestSignalsAreRewritten
//	59 KILL of reaperd                         TestKillOfReaperdReachesTheAppIfAsked, TestParentDeathSignal…
//	60 Procfile                                TestProcfileRunnerThatSignalsTwiceDrainsOnce
