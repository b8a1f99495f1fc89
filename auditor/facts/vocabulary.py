"""Words that name nobody's things: those of Kubernetes, ACK and of the messages of both. Redaction keeps them."""

_WORDS = """
a able about above absent accept accepted access ack acl acs action actions active activity actual adaptive add added
addon addons address addresses admin administrator admission affinity after again agent aggregate aggregated alb alert
alibaba alibabacloud alicloud aliyun aliyuncs all allocatable allocate allocated allocating allocation allow allowed
alpha already also amd64 an and annotation annotations another anti any api apigroups apiserver apiservice app applied
apply apps arch architecture are args arm64 arn as asg ask assign assigned assume at attach attached attacher attaching
attachment attempt auth authentication authorization authorize authorized authorizer auto automatic autoscaler
autoscaling availability available average avoid away back backend backends backing backoff balance balancer balancers
bandwidth base64 basic batch be because been before being below benign beta between bin bind binding bindings black
block blocked body bound broken built busy but by bytes ca calico call calls can cannot capacity category ccm cen cert
certificate certificates change changed changes charge check checks checksum cidr cilium claim claims class classic clb
click client clientset close closed cloud cls cluster clusterrole clusterrolebinding clusters cms cni code com comes
command complete completed component components compute concurrent condition conditions conf config configmap
configmaps configuration configurations configured conflict conflicts connect connected connecting connection
connections conntrack constraints consumer container containerd containers content context control controller
controllers copy core coredns correctly count cpfs cpu cr crash crashed crd crds create created creates creating
creation credential credentials cri cron cronjob cronjobs cs csi custom custommetrics customresourcedefinitions daemon
daemonset daemonsets days deadline debug dedicated default degraded delay delayed delete deleted deleting deletion
denied deny deploy deployment deployments desc describe description desired destination detach detached detaching
detail details detect detector device devices diag diagnose dial did didn different dir directory disabled disk
diskplugin disks disktype disruption disruptions dns do docker does domain done down drain drained draining driver
drivers drop due duplicate during dynamic eci ecs egress eip either elastic elasticquota elect election element empty
enable enabled encrypted end endpoint endpoints endpointslice endpointslices ends enforced eni ensure ensured ensuring
enterprise entries entry env ephemeral erdma error errors ess established etc etcd event eventer events every evict
evicted eviction exceed exceeded exceeds exec executing exhausted exist existing exists exit exited expected expired
expires exporter ext4 external externalname extreme fail failed failing fails failure failures false fatal fc field
fields file filesystem filesystems filter finalizer finalizers find finished first flag flannel flex flexvolume floating
for forbidden force forced format forward forwarding found free from fs full gang gatekeeper generated generation
generic get gib gibibytes gitops going gone good gpu gpus grace grant granted grants group groups grpc gslb gtm had
handler handshake hard has hash have headless health healthcheck healthy healthz helpful hibernated high higher hook
horizontal host hostname hosts hours hpa http httpcode httproute https hugepages i icmp id ids if ignored image images
immediate in inactive inbound including incoming incomplete increase index info ingress ingresses init initial
initialize initialized inner inodes insecure inside install installed instance instances insufficient int interface
interfaces internal internet interrupted interval into intranet invalid invalidate involved io ip ips iptables ipv4 ipv6
ipvs is issue issuer it item items its job jobs join json k8s keepalive kernel key keys kill killed killing kind known
kruise kube kubeadm kubeconfig kubelet kubelets kubernetes label labels large last latency later latest lb lcu leader
lease leases least leave left less level lib lifecycle limit limited limits line link linux list listen listener
listeners listing live liveness livez load loadbalancer loadbalancers local localhost lock locked locks log logs logtail
long lookup loongcollector loop loopback low lower lsn lvm machine maintenance malformed managed managedk8sslbinternet
managedk8sslbintranet manager manually many master masters match matched matches matching max maximum may medium memory
message messages meta metadata method metric metrics mib might migrate min minimum minutes misconfigured mismatch
missing mnt mode modified modules more most mount mounted mounting mounts move multi multiple must mutating my n nacl
name named names namespace namespaces nas nasplugin nat need needed needs negotiation net network networking networks
never new next nfs ng nginx nic nlb no node nodegroup nodeid nodelocal nodename nodepool nodepools nodeport nodes
nolock none noresvport normal not notfound nothing nottriggerscaleup now np npd ntp null number nvidia nvme object
objects occurred of off offline ok old on once one only oom open opened openkruise operation operations operator
operators opt optional or ordinal os oss ossplugin other others out outbound outdated over overlaps overlay own owner
owners parameter parameters parent parse part partial passed patch path pdb pending per period permanent permission
permissions permitted persistence persistent persistentvolume persistentvolumeclaim persistentvolumeclaims
persistentvolumes phase pid ping pl place placed please plugin plugins pod podcidr poddisruptionbudget
poddisruptionbudgets podgroup podnetworking podnetworkings pods policies policy pool pools port portable ports post
posting postpaid pre predicate preemption prefer preferred prefix prepaid present pressure previous primary priority
private privileged prl probe problem proc process processes processing profile progress progressing prometheus property
protected protection proto protocol provided provider provision provisioned provisioner provisioning provisionnode
proxy ps public pull pulled pulling put pv pvc pvname qos quantity quorum quota quotas ram range ranges rate raw rbac
rdma reach reached read readiness reading ready readyz real reason reasons rebalance receive received reclaim reconcile
reconciled reconciling recovered recreate redirect reduced ref refer reference refresh refused region regional register
registered registration registry reject rejected related released remote remove removed removing renew replace replica
replicas replicaset replicasets replication request requested requests require required requirement requirements
rescaled reservation reserve reserved reset resizer resolv resolve resolved resolver resolving resource resources
respond responded response restart restarted restarting restarts restore result results resume retain retrans retries
retry retrying return returned reuse reused review revision right rights ro role rolebinding rolebindings roles roll
rolling rollout root round route routes routing rpc rr rrsa rs rsp rte rule rules run runc running runs runtime rw
sandbox save sbin scale scaled scaler scales scaleup scaling sch schedulable schedule scheduled scheduler scheduling
scrape scraping second secondary seconds secret secrets section security see select selected selection selector
selectors self send sending server servers service serviceaccount serviceaccounts services session set sets setup
several sg sgp sgr sha256 shared should shut shutdown sidecar signal signed since size skip skipped slave slb slice
slices slow sls small snapshot snapshots so socket sold some soon source sources space spec specification specified
specs split spot spread squash stacks standard start started starting starts startup stat state stateful statefulset
statefulsets static stats status step sticky still stop stopped stopping storage storageclass strategy strength string
sts subject subjects subnet subpath subset succeed succeeded succeeding success successful successfully such sufficient
suspend suspended svc swap switch sync synced syncing sys sysctl system t table tag tags taint tainted taints take
taken target targeted targets task tasks tcp tcp4 tcp6 tcpdump telemetry template templates temporary terminate
terminated terminating termination terway than that the their them then there these they this threshold throttle
throttled throttles throttling time timed timeo timeout timeouts times timestamp tls tmp to token tokens tolerate
tolerated toleration tolerations too toomanyrequests topology total trace tracing tracker traffic transient transit
transition transport trigger triggered triggeredscaleup true truncated try trying ttl tuple two type types udp uid
unable unallocated unauthenticated unauthorized unavailable unbound under underlay unexpected unhealthy unique unit
unix unknown unmount unmounted unreachable unready unresolved unschedulable unset until untolerated unused up update
updated updates updating upgrade upper upstream uri url usage use used user users uses using usr utilization v validate
validating validation validity value values var verify vers version versions via victims view violates virtual
virtualswitch vk vnode volume volumeattachment volumeattachments volumes vpc vsw vswitch vswitches vtb wait waited
waiting warning was watch watcher watches way webhook weight weights were what when where whether which while white
whitelist wildcard will with within without wlc work worker workers workload workloads worst would write writing wrong
wrr x509 xfs yaml yes yet you your zero zone zones
"""
WORDS = frozenset(_WORDS.split())
"""In lower case, one word each: compounds are taken apart. Everyday names of what people build are not among them."""

_CHECK_WORDS = """
allowlist blocks clients clusterip detachable drifted fsgroup grow held lacks listens outside overloaded skewed stage
stale unfair
"""
CHECK_WORDS = WORDS | frozenset(_CHECK_WORDS.split())
"""The words of which the ids of checks are made."""

DOMAINS = (
    "k8s.io",
    "kubernetes.io",
    "alibabacloud.com",
    "aliyun.com",
    "k8s.alibaba",
    "coreos.com",
    "nvidia.com",
)
"""What is under these is named by Kubernetes, ACK or their components: keys of labels, drivers, API groups."""

KEY_HOSTS = frozenset(
    {
        "alb.ingress.kubernetes.io",
        "nginx.ingress.kubernetes.io",
        "node.csi.alibabacloud.com",
        "service.beta.kubernetes.io",
    }
)
"""Of the domains above, those whose keys are all named by one component, with words of its own."""

KEYS = frozenset(
    {
        "aliyun.com/gpu-core.percentage",
        "aliyun.com/gpu-mem",
        "alpha.service-controller.kubernetes.io/exclude-balancer",
        "apiserver.kubernetes.io/identity",
        "csi.storage.k8s.io/fstype",
        "endpointslice.kubernetes.io/skip-mirror",
        "flannel.alpha.coreos.com/backend-data",
        "kube-aggregator.kubernetes.io/automanaged",
        "kubernetes.io/bootstrapping",
        "kubernetes.io/dockerconfigjson",
        "kubernetes.io/h2c",
        "kubernetes.io/ws",
        "kubernetes.io/wss",
        "node-role.kubernetes.io/control-plane",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.kubernetes.io/exclude-from-external-load-balancers",
        "rbac.authorization.k8s.io/aggregate-to-edit",
        "rbac.authorization.kubernetes.io/autoupdate",
        "scheduler.alpha.kubernetes.io/critical-pod",
        "service.alibabacloud.com/exclude-node",
        "storage.alpha.kubernetes.io/migrated-plugins",
        "storage.kubernetes.io/csiProvisionerIdentity",
        "storage.kubernetes.io/csiprovisioneridentity",
    }
)
"""Keys of the domains above that a component named. Of any other key the words stay that everybody knows."""

PARAMETERS = frozenset(
    {
        *("accessgroupname", "archiveondelete", "bucket", "containernetworkfilesystem", "csi.storage.k8s.io/fstype"),
        *("deletevolume", "encrypted", "filesystemid", "filesystemtype", "fstype", "mountprotocol", "multiattach"),
        *("options", "path", "performancelevel", "protocoltype", "provisionediops", "readonly", "regionid", "server"),
        *("storage.kubernetes.io/csiprovisioneridentity", "storagetype", "subpath", "type", "url", "vers", "volumeas"),
        *("volumeid", "volumetype", "vpcid", "vswitchid", "zoneid"),
    }
)
"""The parameters of volumes and storage classes that drivers read, in lower case."""

PLACES = (
    *("hangzhou", "shanghai", "nanjing", "fuzhou", "wuhan", "zhengzhou", "qingdao", "beijing", "zhangjiakou"),
    *("huhehaote", "wulanchabu", "shenzhen", "heyuan", "guangzhou", "chengdu", "hongkong"),
    *("southeast", "northeast", "northwest", "southwest", "south", "east", "west", "central"),
)
"""What stands after the dash in the ids of regions."""
